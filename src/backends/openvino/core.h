// The one ov::Core of the process, and what every compilation here has in common.
#pragma once

#include <filesystem>
#include <memory>
#include <openvino/runtime/core.hpp>
#include <string_view>

namespace eightbit::openvino {

ov::Core& core();

// Inference in f32 where nothing is quantized (bf16 is the default of some CPUs); `threads` 0
// leaves the choice to OpenVINO.
ov::AnyMap compile_options(int threads = 0);

// Throws ModelError with the runtime's reason.
ov::CompiledModel compiled_for_cpu(const std::shared_ptr<const ov::Model>& model,
                                   const ov::AnyMap& options);

// Reads what OpenVINO has a front end for: its own .xml (with its .bin), ONNX, TensorFlow Lite,
// TensorFlow, PaddlePaddle. Throws FileError or ModelError.
std::shared_ptr<ov::Model> read_file(const std::filesystem::path& path);

// What went wrong, without OpenVINO's source positions.
std::string cause_of(const std::exception& error);

}  // namespace eightbit::openvino
