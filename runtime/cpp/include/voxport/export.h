/* Marks what a shared library shows; all else in it is hidden. */
#ifndef VOXPORT_EXPORT_H
#define VOXPORT_EXPORT_H

#if defined(__GNUC__)
#define VOXPORT_API __attribute__((visibility("default")))
#define VOXPORT_HIDDEN __attribute__((visibility("hidden")))
#else
#define VOXPORT_API
#define VOXPORT_HIDDEN
#endif

#endif
