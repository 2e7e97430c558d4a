// Writing ONNX files so that a crash or a full disk never leaves half a model, or a model beside
// foreign weights.
#pragma once

#include <filesystem>

#include "backends/onnx/model_file.h"
#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Writes path (.onnx), and beside it the weights as external data where one message cannot hold
// them. Throws FileError when a file cannot be written or exists and `overwrite` is not set,
// InvalidArgument for other extensions. What stands in the place of a file is replaced, and no link
// that stands there is followed.
void save_model(const Content& content, const std::filesystem::path& path, bool overwrite,
                uint64_t largest_message = kLargestMessage);

}  // namespace eightbit::onnx
