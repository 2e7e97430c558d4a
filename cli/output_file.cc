#include "output_file.h"

#include <eightbit/error.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <random>
#include <system_error>

namespace eightbit::cli {
namespace {

namespace fs = std::filesystem;

// The only sure way to know is to write. The name is one that nobody else has.
void probe(const fs::path& folder, const std::string& path) {
  const fs::path file = folder / fmt::format(".eightbit-probe-{:08x}", std::random_device{}());
  errno = 0;
  std::ofstream stream(file);
  const int reason = errno;
  stream.close();
  std::error_code ignored;
  if (!fs::remove(file, ignored))
    throw FileError(fmt::format("[output] '{}' cannot be written: {}. Choose another folder", path,
                                std::generic_category().message(reason ? reason : EACCES)));
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

uint64_t folder_bytes(const fs::path& folder) {
  std::error_code error;
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  return bytes;
}

}  // namespace

void OutputFlags::add_to(CLI::App& verb, const std::string& what) {
  verb.add_option("-o,--output", path, what)->required();
  verb.add_flag("--force", force, "Overwrite the output where it exists");
}

fs::path OutputFlags::check(const std::string& extension, const std::vector<std::string>& inputs,
                            const fs::path& beside) const {
  const fs::path target(path);
  std::error_code error;
  if (!extension.empty() && target.extension() != extension)
    throw InvalidArgument(
        fmt::format("[output] '{}' does not end in {}. Name it so", path, extension));
  if (fs::is_directory(target, error))
    throw InvalidArgument(fmt::format("[output] '{}' is a folder. Name a file in it", path));
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, error))
    throw InvalidArgument(
        fmt::format("[output] folder '{}' does not exist. Create it first", folder.string()));
  for (const std::string& input : inputs)
    if (fs::equivalent(target, input, error))
      throw InvalidArgument(
          fmt::format("[output] '{}' is read by this run. Choose another output", path));
  std::vector<fs::path> written = {target};
  if (extension == ".xml") written.push_back(fs::path(target).replace_extension(".bin"));
  if (!beside.empty()) written.push_back(beside);
  for (const fs::path& file : written)
    if (!force && is_there(file))
      throw InvalidArgument(
          fmt::format("[output] '{}' exists. Pass --force to overwrite it", file.string()));
  probe(folder, path);
  return target;
}

uint64_t model_bytes(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return folder_bytes(path);
  uint64_t bytes = fs::file_size(path, error);
  if (error) return 0;
  if (path.extension() == ".xml") {
    const uint64_t weights = fs::file_size(fs::path(path).replace_extension(".bin"), error);
    if (!error) bytes += weights;
  }
  return bytes;
}

}  // namespace eightbit::cli
