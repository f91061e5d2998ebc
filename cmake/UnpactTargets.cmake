# unpact_layers([ONLY NAME ...])                             libraries of the table in src/layers.txt
# unpact_library(NAME SOURCES ... [LAYERS ...] [LINK ...])   library unpact_NAME
# unpact_tests(LAYER [NP ...])                               one GoogleTest program a layer, run at each number of ranks
set(UNPACT_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(UNPACT_WERROR)
  list(APPEND UNPACT_WARNINGS -Werror)
endif()

add_library(unpact_flags INTERFACE)
target_compile_options(unpact_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${UNPACT_WARNINGS}>")
target_include_directories(unpact_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include ${PROJECT_SOURCE_DIR})
if(UNPACT_SANITIZE)
  target_compile_options(unpact_flags INTERFACE -fsanitize=${UNPACT_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(unpact_flags INTERFACE -fsanitize=${UNPACT_SANITIZE})
endif()
if(UNPACT_SANITIZE)
  target_compile_options(unpact_flags INTERFACE -fno-sanitize-recover=all)  # undefined behaviour fails a test, ends a fuzzing run
endif()

add_custom_target(unpact_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
          -DBUILD_TYPE=${CMAKE_BUILD_TYPE} "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
          -DOUTPUT=${PROJECT_BINARY_DIR}/include/unpact/build_info.hpp
          -P ${PROJECT_SOURCE_DIR}/cmake/WriteBuildInfo.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/include/unpact/build_info.hpp VERBATIM)

# LibTorch's headers cost seconds a file: they are compiled once here and reused by every target that links Torch. All of
# its operations (ATen/ATen.h) cost every file that gets them a second more: only those get them that include them.
if(TARGET unpact_torch)
  set(UNPACT_PCH_OPTIONS $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)  # what ccache needs
  function(_unpact_add_pch name)
    cmake_parse_arguments(ARG "" "" "HEADERS;LINK" ${ARGN})
    add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
    target_link_libraries(${name} PRIVATE unpact_flags unpact_torch nlohmann_json::nlohmann_json ${ARG_LINK})
    target_precompile_headers(${name} PRIVATE ${ARG_HEADERS} <algorithm> <filesystem> <functional> <map> <memory> <optional> <set> <sstream>
                              <string> <vector> <nlohmann/json.hpp>)
    target_compile_options(${name} PRIVATE ${UNPACT_PCH_OPTIONS})
  endfunction()
  _unpact_add_pch(unpact_pch_tensor HEADERS <ATen/core/Tensor.h>)
  _unpact_add_pch(unpact_pch_aten HEADERS <ATen/ATen.h>)
endif()

# Layers that only arrange the work of others, and tests: nothing in them runs for long, and -O3 costs up to a third of their
# compile time.
set(UNPACT_ARRANGING_LAYERS options campaign store jobs tests)

function(_unpact_optimize target name)
  if(name IN_LIST UNPACT_ARRANGING_LAYERS)
    target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>)
  endif()
endfunction()

# unpact_test_headers()   GoogleMock costs every test file seconds, too, and most of them want the operations: tests have one of their own.
function(unpact_test_headers)
  if(TARGET unpact_torch)
    _unpact_add_pch(unpact_pch_tests HEADERS <ATen/ATen.h> <gmock/gmock.h> <gtest/gtest.h> LINK GTest::gmock)
    _unpact_optimize(unpact_pch_tests tests)
  endif()
endfunction()

# _unpact_wants_operations(RESULT SOURCE): whether it includes them, itself or by a header of its own layer.
function(_unpact_wants_operations result source)
  file(STRINGS ${source} own REGEX "^#include \"")
  list(TRANSFORM own REPLACE "^#include \"([^\"]*)\".*" "\\1")
  get_filename_component(source ${source} ABSOLUTE)
  get_filename_component(folder ${source} DIRECTORY)
  set(${result} FALSE PARENT_SCOPE)
  foreach(file IN ITEMS ${source} LISTS own)
    get_filename_component(file ${file} ABSOLUTE BASE_DIR ${folder})
    if(NOT EXISTS ${file})
      continue()  # a public header: none has them
    endif()
    file(STRINGS ${file} operations REGEX "^#include <(ATen/ATen|torch/torch|ATen/ops/.*|ATen/Functions)\\.h>")
    if(operations)
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# _unpact_use_pch(TARGET LIBRARIES): the target's sources in two, each with its precompiled header.
function(_unpact_use_pch target libraries)
  if(NOT "unpact_torch" IN_LIST libraries)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  set(with_operations "")
  foreach(source IN LISTS sources)
    _unpact_wants_operations(wants ${source})
    if(wants)
      list(APPEND with_operations ${source})
    endif()
  endforeach()
  target_compile_options(${target} PRIVATE ${UNPACT_PCH_OPTIONS})
  target_precompile_headers(${target} REUSE_FROM unpact_pch_tensor)
  if(NOT with_operations)
    return()
  endif()
  list(REMOVE_ITEM sources ${with_operations})
  set_target_properties(${target} PROPERTIES SOURCES "${sources}")
  add_library(${target}_aten OBJECT ${with_operations})
  target_compile_options(${target}_aten PRIVATE ${UNPACT_PCH_OPTIONS})
  target_precompile_headers(${target}_aten REUSE_FROM unpact_pch_aten)
  target_link_libraries(${target}_aten PRIVATE $<TARGET_PROPERTY:${target},LINK_LIBRARIES>)
  target_include_directories(${target}_aten PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
  target_compile_definitions(${target}_aten PRIVATE $<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_aten>)
endfunction()

function(unpact_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LAYERS;LINK" ${ARGN})
  list(TRANSFORM ARG_LAYERS PREPEND unpact_ OUTPUT_VARIABLE layers)
  if(NOT ARG_SOURCES)
    add_library(unpact_${name} INTERFACE)
    target_link_libraries(unpact_${name} INTERFACE unpact_flags ${layers} ${ARG_LINK})
    return()
  endif()
  set(kernels ${ARG_SOURCES})
  list(FILTER kernels INCLUDE REGEX "\\.cu$")
  list(FILTER ARG_SOURCES EXCLUDE REGEX "\\.cu$")
  add_library(unpact_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(unpact_${name} PUBLIC unpact_flags ${layers} ${ARG_LINK})
  if(kernels AND UNPACT_HAS_CUDA)
    # Without LibTorch's headers and flags: nvcc sees plain pointers.
    add_library(unpact_${name}_cuda STATIC ${kernels})
    target_include_directories(unpact_${name}_cuda PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
    set_target_properties(unpact_${name}_cuda PROPERTIES CUDA_ARCHITECTURES "${UNPACT_CUDA_ARCHITECTURES}" CUDA_STANDARD 17
                          POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(unpact_${name} PUBLIC unpact_${name}_cuda CUDA::cudart)
  endif()
  _unpact_use_pch(unpact_${name} "${ARG_LINK}")
  _unpact_optimize(unpact_${name} ${name})
  if(TARGET unpact_${name}_aten)
    _unpact_optimize(unpact_${name}_aten ${name})
  endif()
endfunction()

function(unpact_layers)
  cmake_parse_arguments(ARG "" "" "ONLY" ${ARGN})
  set(table ${PROJECT_SOURCE_DIR}/src/layers.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
  file(STRINGS ${table} rows REGEX "^[a-z]")
  foreach(row IN LISTS rows)
    string(REPLACE ";" "\\;" row "${row}")  # semicolons in the last column are prose
    string(REGEX MATCH "^([a-z]+) *\\|([^|]*)\\|([^|]*)\\|" _ "${row}")
    set(name ${CMAKE_MATCH_1})
    separate_arguments(layers UNIX_COMMAND "${CMAKE_MATCH_2}")
    separate_arguments(links UNIX_COMMAND "${CMAKE_MATCH_3}")
    if(ARG_ONLY AND NOT name IN_LIST ARG_ONLY)
      continue()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp ${PROJECT_SOURCE_DIR}/src/${name}/*.cu
         ${PROJECT_SOURCE_DIR}/src/${name}/*/*.cpp ${PROJECT_SOURCE_DIR}/src/${name}/*/*.cu)
    unpact_library(${name} SOURCES ${sources} LAYERS ${layers} LINK ${links})
  endforeach()
  add_dependencies(unpact_core unpact_build_info)
endfunction()

function(unpact_tests layer)
  cmake_parse_arguments(ARG "" "" "NP;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${layer}/*_test.cpp ${CMAKE_CURRENT_SOURCE_DIR}/${layer}/*/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  set(target ${layer}_tests)
  add_executable(${target} ${sources} ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  target_link_libraries(${target} PRIVATE unpact_${layer} unpact_comm GTest::gmock ${ARG_LINK})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  if(TARGET unpact_pch_tests)
    target_link_libraries(${target} PRIVATE unpact_torch)
    target_compile_options(${target} PRIVATE ${UNPACT_PCH_OPTIONS})
    target_precompile_headers(${target} REUSE_FROM unpact_pch_tests)
  endif()
  _unpact_optimize(${target} tests)
  # Half of a test file's compile time is its precompiled header: several files share one.
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  target_compile_definitions(${target} PRIVATE
    UNPACT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" UNPACT_BINARY_DIR="${PROJECT_BINARY_DIR}"
    UNPACT_TEST_DATA="${UNPACT_TEST_DATA}" UNPACT_FIXTURES="${UNPACT_FIXTURES}")
  foreach(ranks IN LISTS ARG_NP)
    add_test(NAME ${layer}.np${ranks}
      COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe --allow-run-as-root ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:${target}>)
    set_tests_properties(${layer}.np${ranks} PROPERTIES TIMEOUT 600 PROCESSORS ${ranks}
      ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_btl_vader_single_copy_mechanism=none")
  endforeach()
  if(NOT ARG_NP)
    add_test(NAME ${layer} COMMAND ${target})
    set_tests_properties(${layer} PROPERTIES TIMEOUT 600 ENVIRONMENT "OMP_NUM_THREADS=2")
  endif()
endfunction()
