// The version of this library. CMake reads it here.
#pragma once

#define VOXPORT_VERSION_MAJOR 0
#define VOXPORT_VERSION_MINOR 1
#define VOXPORT_VERSION_PATCH 0
#define VOXPORT_VERSION "0.1.0"
