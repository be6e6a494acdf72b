# How Ringfort's targets are made, so that each is made alike.

# Warnings and sanitizers for one of our own targets. Generated code does not get the warnings.
function(ringfort_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wnon-virtual-dtor -Woverloaded-virtual)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports these for its own library's and coroutines' code.
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer)
  endif()
  if(RINGFORT_WARNINGS_ARE_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  ringfort_sanitize(${target})
endfunction()

function(ringfort_sanitize target)
  if(RINGFORT_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RINGFORT_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${RINGFORT_SANITIZE})
    if(RINGFORT_SANITIZE MATCHES "undefined")
      target_compile_options(${target} PRIVATE -fno-sanitize-recover=undefined)
    endif()
    if(RINGFORT_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-tsan)  # Atomic fences, in Boost's headers.
    endif()
  endif()
endfunction()

# ringfort_library(FOLDER SOURCES ... [LINKS ...] [PRIVATE_LINKS ...])
# One folder below src/ is one static library, `ringfort_FOLDER`. `LINKS` names other folders' targets
# and third-party ones. Headers are included by their path from src/: "raft/raft.h".
function(ringfort_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  set(target ringfort_${folder})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
    target_compile_features(${target} PUBLIC cxx_std_20)  # For who uses the installed package.
    ringfort_compile_options(${target})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target} INTERFACE ${ARG_LINKS})
  endif()
endfunction()

# ringfort_program(NAME SOURCES ... LINKS ...): a binary in BUILD/bin.
function(ringfort_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  ringfort_compile_options(${name})
endfunction()

# ringfort_test(NAME SOURCES ... LINKS ... [TIMEOUT SECONDS] [LABELS ...] [SERIAL]): a GoogleTest binary
# that is one ctest test. Sources are relative to the calling folder. It is labelled with its suite, the
# folder of tests/ that it lives in. SERIAL: it measures time or starts nodes, so nothing runs beside it.
function(ringfort_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  ringfort_compile_options(${name})
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    # What is tested is optimized in full. The tests are more code than that, and it runs once.
    target_compile_options(${name} PRIVATE -O1 -g1)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(RINGFORT_SANITIZE)
    math(EXPR ARG_TIMEOUT "5 * ${ARG_TIMEOUT}")  # They make programs that much slower.
  endif()
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/tests
             OUTPUT_VARIABLE suite)
  string(REGEX REPLACE "/.*" "" suite "${suite}")
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} LABELS "${suite};${ARG_LABELS}" RUN_SERIAL ${ARG_SERIAL})
endfunction()
