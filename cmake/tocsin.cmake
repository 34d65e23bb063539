# SPDX-License-Identifier: Apache-2.0
# What every room of the house shares: dependencies, flags, and the two verbs `tocsin_library` and
# `tocsin_test`.

include(CTest)
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(TOCSIN_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
option(TOCSIN_WERROR "Turn warnings into errors (presets do; packagers need not)" OFF)

find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)  # headers alone: Asio and Beast
find_package(absl REQUIRED)
find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  find_package(Protobuf REQUIRED)
endif()
find_package(gRPC CONFIG REQUIRED)
find_package(simdjson CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka++ rdkafka)
pkg_check_modules(HYPERSCAN REQUIRED IMPORTED_TARGET libhs)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)

# Flags of our own code. Headers of dependencies are SYSTEM and stay out of them.
add_library(tocsin_options INTERFACE)
target_include_directories(tocsin_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(
  tocsin_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
                           $<$<BOOL:${TOCSIN_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees overlaps in std::string's operator+ where there are none (GCC bug 105651).
  target_compile_options(tocsin_options INTERFACE -Wno-restrict)
endif()
# simdjson's throwing conversions become compile errors: errors are values here.
target_compile_definitions(tocsin_options INTERFACE SIMDJSON_EXCEPTIONS=0)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # Runs on any machine of the last fifteen years; simdjson and Hyperscan dispatch to more at run time.
  target_compile_options(tocsin_options INTERFACE -march=x86-64-v2)
endif()
if(TOCSIN_SANITIZE)
  target_compile_options(tocsin_options INTERFACE -fsanitize=${TOCSIN_SANITIZE}
                                                  -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tocsin_options INTERFACE -fsanitize=${TOCSIN_SANITIZE})
  if(TOCSIN_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio uses atomic_thread_fence, which GCC's TSan does not follow; nothing of ours relies on one.
    target_compile_options(tocsin_options INTERFACE -Wno-tsan)
  endif()
endif()

# tocsin_library(NAME SOURCES a.cc b.cc [PUBLIC libs] [PRIVATE libs])
# The static library of one directory. PUBLIC holds only what its headers show.
function(tocsin_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE tocsin_options ${arg_PRIVATE})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# tocsin_test(NAME SOURCES a_test.cc [LIBS libs] [LABELS labels] [TIMEOUT seconds])
# One gtest binary, one ctest entry. The test's working directory is the root of the tree, read only;
# what it writes goes to testing::TempDir(). Label `threads`: also run under ThreadSanitizer.
function(tocsin_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  find_package(GTest CONFIG REQUIRED)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE tocsin_options ${arg_LIBS} GTest::gmock GTest::gtest_main)
  if("threads" IN_LIST arg_LABELS)
    if(NOT TARGET thread_tests)
      add_custom_target(thread_tests)  # all that the tsan preset needs to build
    endif()
    add_dependencies(thread_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set_tests_properties(
    ${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT
                       "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
endfunction()
