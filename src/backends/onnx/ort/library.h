// Where the ONNX Runtime library is.
#pragma once

#include <filesystem>
#include <vector>

namespace eightbit::onnx {

// Files that exist, the most wanted first, then bare names for the system's loader.
std::vector<std::filesystem::path> library_candidates();

// libonnxruntime.so.* in the `onnxruntime` package of a site-packages folder; empty where there is
// none.
std::filesystem::path library_in_package(const std::filesystem::path& site_packages);

}  // namespace eightbit::onnx
