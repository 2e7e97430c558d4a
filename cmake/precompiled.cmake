# Precompiled headers: what most files of a module read, read once. CMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without,
# which shows a file that lacks an #include of its own.
set(EIGHTBIT_COMMON_HEADERS <algorithm> <filesystem> <functional> <map> <memory> <optional> <span> <string> <unordered_map>
    <vector> <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp>)
set(EIGHTBIT_TEST_HEADERS ${EIGHTBIT_COMMON_HEADERS} <gmock/gmock.h> <gtest/gtest.h>)

# The neutral modules share one; a module that stands on a framework adds its headers.
function(eightbit_precompile target module)
  if(module STREQUAL "backends/openvino")
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_COMMON_HEADERS} <openvino/openvino.hpp> <openvino/op/ops.hpp>)
  elseif(module STREQUAL "backends/onnx")
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_COMMON_HEADERS} <onnx-ml.pb.h>)
  elseif(module STREQUAL "base")
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_COMMON_HEADERS})
  elseif(NOT module STREQUAL "backends")
    target_precompile_headers(${target} REUSE_FROM eightbit_base)
  endif()
endfunction()

function(eightbit_precompile_tests target module)
  if(module STREQUAL "backends/openvino")
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_TEST_HEADERS} <openvino/openvino.hpp>)
  elseif(module STREQUAL "backends/onnx")
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_TEST_HEADERS} <onnx-ml.pb.h>)
  elseif(module STREQUAL "base")
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_TEST_HEADERS})
  elseif(module IN_LIST EIGHTBIT_MODULES_BELOW_BACKENDS)
    target_precompile_headers(${target} REUSE_FROM base_test)
  else()
    target_precompile_headers(${target} PRIVATE ${EIGHTBIT_TEST_HEADERS})
  endif()
endfunction()
