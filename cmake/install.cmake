# Two ways to install: into a prefix, for C++ programs that call find_package(eightbit), and (SKBUILD) into a Python
# package folder. Parts for OpenVINO are installed by openvino.cmake.
if(SKBUILD)
  install(TARGETS eightbit LIBRARY DESTINATION eightbit COMPONENT python)
  set_target_properties(eightbit PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(FILES ${EIGHTBIT_RENAMED_PROTOBUF} DESTINATION eightbit COMPONENT python)
  if(TARGET eightbit_cli)
    install(TARGETS eightbit_cli RUNTIME DESTINATION eightbit/bin COMPONENT python)
    set_target_properties(eightbit_cli PROPERTIES INSTALL_RPATH "$ORIGIN/..")
  endif()
  return()
endif()

set_target_properties(eightbit PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
  INSTALL_RPATH "$ORIGIN")
set(EIGHTBIT_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/eightbit)
install(FILES ${EIGHTBIT_RENAMED_PROTOBUF} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS eightbit EXPORT eightbit_targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/eightbit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT eightbit_targets NAMESPACE eightbit:: DESTINATION ${EIGHTBIT_CMAKE_DIR})
configure_package_config_file(cmake/eightbit-config.cmake.in ${PROJECT_BINARY_DIR}/eightbit-config.cmake
  INSTALL_DESTINATION ${EIGHTBIT_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/eightbit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/eightbit-config.cmake ${PROJECT_BINARY_DIR}/eightbit-config-version.cmake
  DESTINATION ${EIGHTBIT_CMAKE_DIR})
