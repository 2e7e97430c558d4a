// Writing OpenVINO IR so that a crash or a full disk never leaves half a model.
#pragma once

#include <filesystem>
#include <openvino/core/model.hpp>

namespace eightbit::openvino {

// Writes path (.xml) and its .bin. Throws FileError when a file cannot be written or exists and
// `overwrite` is not set, Unsupported for .onnx, InvalidArgument for other extensions. After an
// error the old model is what it was.
void save_model(const ov::Model& model, const std::filesystem::path& path, bool overwrite);

}  // namespace eightbit::openvino
