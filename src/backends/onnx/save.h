// Writing ONNX files so that a crash or a full disk never leaves half a model, or a model beside foreign weights.
#pragma once

#include <filesystem>

#include "backends/onnx/proto.h"

namespace eightbit::onnx {

// Writes path (.onnx), and beside it the weights as external data where one message can not hold them. Throws
// FileError when a file can not be written or exists and `overwrite` is not set, InvalidArgument for other extensions.
void save_model(const Content& content, const std::filesystem::path& path, bool overwrite);

}  // namespace eightbit::onnx
