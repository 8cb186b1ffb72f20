# `cmake --install`: headers, library, programs, `find_package(voxport)` and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/voxport)
install(TARGETS voxport EXPORT voxportTargets)
install(DIRECTORY include/voxport DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT voxportTargets NAMESPACE voxport:: DESTINATION ${package_folder})
configure_package_config_file(cmake/voxportConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/voxportConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/voxportConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(
  FILES
    ${CMAKE_CURRENT_BINARY_DIR}/voxportConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/voxportConfigVersion.cmake
    cmake/Import.cmake
    cmake/Dependencies.cmake
  DESTINATION ${package_folder})
if(VOXPORT_PROGRAM)
  # The installed programs find a shared library beside them.
  file(RELATIVE_PATH libraries ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_property(TARGET voxport_transcribe voxport_classify
    APPEND PROPERTY INSTALL_RPATH "$ORIGIN/${libraries}")
  install(TARGETS voxport_transcribe voxport_classify)
endif()

# Libraries without a .pc file of their own: where they were found, by name.
set(private_libraries "")
foreach(library voxport_onnxruntime_onnxruntime voxport_libtorch_torch_cpu voxport_libtorch_c10)
  if(${library})
    get_filename_component(folder ${${library}} DIRECTORY)
    string(APPEND private_libraries " -L${folder} -Wl,-rpath,${folder} ${${library}}")
  endif()
endforeach()
# A program that links the static library needs its libraries too, without pkg-config's --static,
# which would ask for every codec behind libsndfile.
set(requires Requires.private)
set(public_libraries "")
get_target_property(library_type voxport TYPE)
if(library_type STREQUAL STATIC_LIBRARY)
  set(requires Requires)
  set(public_libraries "${private_libraries}")
  set(private_libraries "")
endif()
configure_file(cmake/voxport.pc.in ${CMAKE_CURRENT_BINARY_DIR}/voxport.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/voxport.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
