# How the client's targets are made.

# A checkout's own build is held to the flags of the whole project; a user's
# build is not.
add_library(valetkey_client_flags INTERFACE)
if(in_valetkey)
  target_link_libraries(valetkey_client_flags INTERFACE vk_flags)
elseif(alone)
  option(VALETKEY_WERROR "Treat warnings as errors" OFF)
  set(VALETKEY_SANITIZE "" CACHE STRING
    "Sanitizers: address,undefined or thread; empty for none")
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
  endif()
  target_compile_options(valetkey_client_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
    -Wno-missing-field-initializers
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
    $<$<BOOL:${VALETKEY_WERROR}>:-Werror>)
  if(VALETKEY_SANITIZE)
    add_compile_options(-fsanitize=${VALETKEY_SANITIZE}
      -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${VALETKEY_SANITIZE})
  endif()
endif()

set(VALETKEY_CLIENT_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/generated)

# valetkey_client_generate(target folder [GRPC] valetkey/v1/errors ...)
# Compiles protos of the folder into the target, which has them as a system
# include.
function(valetkey_client_generate target folder)
  cmake_parse_arguments(ARG "GRPC" "" "" ${ARGN})
  set(out ${VALETKEY_CLIENT_GENERATED}/${target})
  file(MAKE_DIRECTORY ${out})
  foreach(stem ${ARG_UNPARSED_ARGUMENTS})
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(plugin)
    if(ARG_GRPC)
      list(APPEND outputs ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(plugin --grpc_out=${out}
        --plugin=protoc-gen-grpc=${VALETKEY_GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${VALETKEY_PROTOC} -I${folder} --cpp_out=${out} ${plugin}
        ${stem}.proto
      DEPENDS ${folder}/${stem}.proto
      COMMENT "protoc ${stem}.proto" VERBATIM)
    target_sources(${target} PRIVATE ${outputs})
  endforeach()
  set_target_properties(${target} PROPERTIES VALETKEY_GENERATED ${out})
  target_include_directories(${target} SYSTEM PRIVATE ${out})
endfunction()

# valetkey_client_stubs(target folder [GRPC] stems...): a library of stubs.
function(valetkey_client_stubs target folder)
  add_library(${target} STATIC)
  valetkey_client_generate(${target} ${folder} ${ARGN})
  target_include_directories(${target} SYSTEM INTERFACE
    $<BUILD_INTERFACE:${VALETKEY_CLIENT_GENERATED}/${target}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_17)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf gRPC::grpc++)
endfunction()

# valetkey_client_library(target EXPORT_NAME x SOURCES a.cc DEPS b)
function(valetkey_client_library target)
  cmake_parse_arguments(ARG "" "EXPORT_NAME" "SOURCES;DEPS" ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(ValetKey::${ARG_EXPORT_NAME} ALIAS ${target})
  string(REGEX REPLACE "_client" "" output ${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${ARG_EXPORT_NAME}
    OUTPUT_NAME ${output}
    POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_17)
  target_include_directories(${target}
    PUBLIC
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS}
    PRIVATE $<BUILD_INTERFACE:valetkey_client_flags>)
endfunction()
