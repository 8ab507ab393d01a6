# Installs the client for find_package(ValetKey CONFIG) and pkg-config.

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ValetKey)
set(targets valetkey_proto valetkey_client)
set(VALETKEY_WITH_CURL ${VALETKEY_CLIENT_CURL})
install(DIRECTORY include/valetkey DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h"
  PATTERN curl.h EXCLUDE PATTERN testing EXCLUDE)
install(DIRECTORY ${VALETKEY_CLIENT_GENERATED}/valetkey_proto/valetkey
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(VALETKEY_CLIENT_CURL)
  list(APPEND targets valetkey_client_curl)
  install(FILES include/valetkey/curl.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/valetkey)
endif()
if(VALETKEY_CLIENT_TESTING)
  list(APPEND targets valetkey_client_testing)
  install(DIRECTORY include/valetkey/testing
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/valetkey)
endif()
install(TARGETS ${targets} EXPORT ValetKeyTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ValetKeyTargets NAMESPACE ValetKey:: DESTINATION ${config_dir})

configure_package_config_file(cmake/ValetKeyConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/ValetKeyConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/ValetKeyConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/ValetKeyConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/ValetKeyConfigVersion.cmake
  DESTINATION ${config_dir})

# They find what they belong to beside them, wherever it was installed.
file(RELATIVE_PATH VALETKEY_PC_PREFIX
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" VALETKEY_PC_PREFIX ${VALETKEY_PC_PREFIX})
foreach(name valetkey valetkey-curl valetkey-testing)
  if((name STREQUAL valetkey-curl AND NOT VALETKEY_CLIENT_CURL) OR
     (name STREQUAL valetkey-testing AND NOT VALETKEY_CLIENT_TESTING))
    continue()
  endif()
  configure_file(cmake/${name}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
    @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME valetkey-cpp)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_FILE_NAME
  valetkey-cpp-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
include(CPack)
