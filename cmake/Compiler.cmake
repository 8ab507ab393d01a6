# The compilers that can build ValetKey, and the flags that all code is held to.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND
   CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} destroys temporaries twice in "
    "`co_await f(Aggregate{...})`; use GCC 13 or later, or clang 18 or later "
    "(Debian 12: apt install clang-19 lld-19, then "
    "cmake -DCMAKE_CXX_COMPILER=clang++-19).")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

set(VALETKEY_SANITIZE "" CACHE STRING
  "Sanitizers: address,undefined or thread; empty for none")
option(VALETKEY_FUZZ "Build the fuzz targets (clang only)" OFF)
option(VALETKEY_WERROR "Treat warnings as errors" ON)

# What every target of ours links; the libraries' headers are SYSTEM.
add_library(vk_flags INTERFACE)
target_compile_options(vk_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(vk_flags INTERFACE -Wthread-safety)
endif()
if(VALETKEY_WERROR)
  target_compile_options(vk_flags INTERFACE -Werror)
endif()

if(VALETKEY_SANITIZE)
  add_compile_options(-fsanitize=${VALETKEY_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VALETKEY_SANITIZE})
endif()
if(VALETKEY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(VALETKEY_LLD NAMES ld.lld-19 ld.lld-18 ld.lld)
if(VALETKEY_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(--ld-path=${VALETKEY_LLD})
endif()

find_program(VALETKEY_CCACHE ccache)
if(VALETKEY_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${VALETKEY_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VALETKEY_CCACHE})
endif()
