#include "backends/onnx/library.h"

#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>

namespace eightbit::onnx {
namespace {

namespace fs = std::filesystem;

bool is_library(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("libonnxruntime.so") || name.starts_with("libonnxruntime.dylib");
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder, code)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

// The folder of Python packages that `path` lies in; empty where it lies in none.
fs::path packages_around(fs::path path) {
  for (; path.has_relative_path(); path = path.parent_path())
    if (path.filename() == "site-packages" || path.filename() == "dist-packages") return path;
  return {};
}

// Packages that something in this process was loaded from: OpenVINO, which comes as a Python
// package, always is.
std::vector<fs::path> packages_of_process() {
  std::vector<fs::path> folders;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        auto& list = *static_cast<std::vector<fs::path>*>(out);
        const fs::path folder = packages_around(info->dlpi_name);
        if (!folder.empty() && std::ranges::find(list, folder) == list.end())
          list.push_back(folder);
        return 0;
      },
      &folders);
  return folders;
}

std::vector<fs::path> packages_of_environment(const fs::path& prefix) {
  std::vector<fs::path> folders;
  for (const char* kind : {"site-packages", "dist-packages"}) {
    folders.push_back(prefix / "lib" / "python3" / kind);
    for (const fs::path& python : entries(prefix / "lib"))
      if (python.filename().string().starts_with("python3.")) folders.push_back(python / kind);
  }
  return folders;
}

// Where the python3 that a shell would run has its packages.
std::vector<fs::path> prefixes_on_path() {
  std::vector<fs::path> prefixes;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  std::error_code code;
  for (std::string folder; std::getline(folders, folder, ':');)
    if (fs::exists(fs::path(folder) / "python3", code))
      prefixes.push_back(fs::path(folder).parent_path());
  return prefixes;
}

std::vector<fs::path> prefixes() {
  std::vector<fs::path> prefixes = prefixes_on_path();
  if (const char* active = std::getenv("VIRTUAL_ENV"); active && *active)
    prefixes.insert(prefixes.begin(), active);
  return prefixes;
}

}  // namespace

fs::path library_in_package(const fs::path& site_packages) {
  for (const fs::path& path : entries(site_packages / "onnxruntime" / "capi"))
    if (is_library(path)) return path;
  return {};
}

std::vector<fs::path> library_candidates() {
  if (const char* named = std::getenv("EIGHTBIT_ONNXRUNTIME"); named && *named) return {named};
  std::vector<fs::path> folders = packages_of_process();
  for (const fs::path& prefix : prefixes()) {
    const auto more = packages_of_environment(prefix);
    folders.insert(folders.end(), more.begin(), more.end());
  }
  std::vector<fs::path> candidates;
  for (const fs::path& folder : folders) {
    const fs::path library = library_in_package(folder);
    if (!library.empty() && std::ranges::find(candidates, library) == candidates.end())
      candidates.push_back(library);
  }
  for (const char* name : {"libonnxruntime.so.1", "libonnxruntime.so.1.21", "libonnxruntime.so"})
    candidates.emplace_back(name);
  return candidates;
}

}  // namespace eightbit::onnx
