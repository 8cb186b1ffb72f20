/* The version of this library, for C and C++. CMake reads it here. */
#ifndef VOXPORT_VERSION_HPP
#define VOXPORT_VERSION_HPP

#define VOXPORT_VERSION_MAJOR 0
#define VOXPORT_VERSION_MINOR 1
#define VOXPORT_VERSION_PATCH 0
#define VOXPORT_VERSION "0.1.0"

#endif
