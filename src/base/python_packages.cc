#include "base/python_packages.h"

#include <dirent.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

namespace eightbit {
namespace {

namespace fs = std::filesystem;

// The folder of Python packages that `path` lies in; empty where it lies in none.
fs::path packages_around(fs::path path) {
  for (; path.has_relative_path(); path = path.parent_path())
    if (path.filename() == "site-packages" || path.filename() == "dist-packages") return path;
  return {};
}

// Packages that something in this process was loaded from: where eightbit is installed as one, or
// runs in Python.
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
    for (const fs::path& python : sorted_entries(prefix / "lib"))
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

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  // Not by std::filesystem, which ends the process where memory runs out in between.
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = opened ? ::readdir(opened.get()) : nullptr)
    if (const std::string_view name = entry->d_name; name != "." && name != "..")
      paths.push_back(folder / name);
  std::ranges::sort(paths);
  return paths;
}

std::vector<fs::path> python_packages() {
  std::vector<fs::path> folders = packages_of_process();
  const auto add = [&](const fs::path& folder) {
    if (std::ranges::find(folders, folder) == folders.end()) folders.push_back(folder);
  };
#ifdef EIGHTBIT_PYTHON_PACKAGES
  add(EIGHTBIT_PYTHON_PACKAGES);
#endif
  for (const fs::path& prefix : prefixes())
    for (const fs::path& folder : packages_of_environment(prefix)) add(folder);
  return folders;
}

}  // namespace eightbit
