#include "backends/onnx/ort/library.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/python_packages.h"

namespace eightbit::onnx {
namespace {

namespace fs = std::filesystem;

bool is_library(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("libonnxruntime.so") || name.starts_with("libonnxruntime.dylib");
}

}  // namespace

fs::path library_in_package(const fs::path& site_packages) {
  for (const fs::path& path : sorted_entries(site_packages / "onnxruntime" / "capi"))
    if (is_library(path)) return path;
  return {};
}

std::vector<fs::path> library_candidates() {
  if (const char* named = std::getenv("EIGHTBIT_ONNXRUNTIME"); named && *named) return {named};
  std::vector<fs::path> candidates;
  for (const fs::path& folder : python_packages()) {
    const fs::path library = library_in_package(folder);
    if (!library.empty() && std::ranges::find(candidates, library) == candidates.end())
      candidates.push_back(library);
  }
  for (const char* name : {"libonnxruntime.so.1", "libonnxruntime.so.1.21", "libonnxruntime.so"})
    candidates.emplace_back(name);
  return candidates;
}

}  // namespace eightbit::onnx
