# voxport_import(TARGET HEADER LIBRARIES ADVICE [ROOT] [PREFIXES]): an imported target for a library
# without a CMake package, or with one that cannot be relied on.
#
# ROOT: a folder to look in before the system's. PREFIXES: folders under `include` that headers are
# found from.
function(voxport_import target)
  cmake_parse_arguments(ARG "" "HEADER;ADVICE;ROOT" "LIBRARIES;PREFIXES" ${ARGN})
  if(TARGET ${target})
    return()
  endif()
  add_library(${target} INTERFACE IMPORTED)
  list(TRANSFORM ARG_PREFIXES PREPEND "include/" OUTPUT_VARIABLE suffixes)
  find_path(${target}_INCLUDE ${ARG_HEADER} HINTS ${ARG_ROOT} PATH_SUFFIXES include ${suffixes})
  if(NOT ${target}_INCLUDE)
    message(FATAL_ERROR "${ARG_HEADER} was not found: ${ARG_ADVICE}")
  endif()
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_INCLUDE})
  foreach(library IN LISTS ARG_LIBRARIES)
    find_library(${target}_${library} ${library} HINTS ${ARG_ROOT} PATH_SUFFIXES lib)
    if(NOT ${target}_${library})
      message(FATAL_ERROR "the library ${library} was not found: ${ARG_ADVICE}")
    endif()
    target_link_libraries(${target} INTERFACE ${${target}_${library}})
  endforeach()
endfunction()
