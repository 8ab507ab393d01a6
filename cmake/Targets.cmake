# One library for each folder of service/, with its links written out: an
# include that points upward does not link.

set(VALETKEY_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)

# valetkey_library(vk_base SOURCES a.cc b.cc DEPS absl::status)
function(valetkey_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE vk_flags)
endfunction()

# valetkey_test(base_test SOURCES a_test.cc DEPS vk_base)
# One binary for each folder: linking is what costs. LABELS: "server" marks
# tests that start a real server.
function(valetkey_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE
    ${ARG_DEPS} vk_flags GTest::gmock GTest::gtest_main)
  if(VALETKEY_SANITIZE STREQUAL "thread")
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/tsan_absl.cc)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# valetkey_fuzz(token_answer_fuzz SOURCES x_fuzz.cc DEPS vk_oauth)
# With VALETKEY_FUZZ a libFuzzer target; otherwise nothing.
function(valetkey_fuzz name)
  if(NOT VALETKEY_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} vk_flags)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY VALETKEY_FUZZERS ${name})
endfunction()

# valetkey_proto(vk_proto GRPC PROTOS valetkey/v1/a.proto DEPS vk_other)
# Compiles protos (paths below PROTO_ROOT, proto/ by default) to a library.
function(valetkey_proto name)
  cmake_parse_arguments(ARG "GRPC" "PROTO_ROOT" "PROTOS;DEPS" ${ARGN})
  if(NOT ARG_PROTO_ROOT)
    set(ARG_PROTO_ROOT ${PROJECT_SOURCE_DIR}/proto)
  endif()
  set(generated)
  file(MAKE_DIRECTORY ${VALETKEY_GENERATED_DIR})
  foreach(proto ${ARG_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(out ${VALETKEY_GENERATED_DIR}/${stem})
    set(outputs ${out}.pb.cc ${out}.pb.h)
    set(plugin)
    if(ARG_GRPC)
      list(APPEND outputs ${out}.grpc.pb.cc ${out}.grpc.pb.h)
      set(plugin --grpc_out=${VALETKEY_GENERATED_DIR}
        --plugin=protoc-gen-grpc=${VALETKEY_GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${VALETKEY_PROTOC} -I${PROJECT_SOURCE_DIR}/proto
        -I${ARG_PROTO_ROOT}
        --cpp_out=${VALETKEY_GENERATED_DIR} ${plugin} ${proto}
      DEPENDS ${ARG_PROTO_ROOT}/${proto}
      COMMENT "protoc ${proto}" VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  add_library(${name} STATIC ${generated})
  target_include_directories(${name} SYSTEM PUBLIC ${VALETKEY_GENERATED_DIR})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf ${ARG_DEPS})
  if(ARG_GRPC)
    target_link_libraries(${name} PUBLIC gRPC::grpc++)
  endif()
endfunction()
