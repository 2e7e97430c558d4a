// Where a result goes: checked before any work, so that no run ends in a path that cannot be
// written.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

namespace eightbit::cli {

struct OutputFlags {
  std::string path;
  bool force = false;

  void add_to(CLI::App& verb, const std::string& what);
  // Throws InvalidArgument for a missing folder, an existing file without --force, a wrong
  // extension or one of `inputs` itself; FileError where the folder cannot be written.
  // `extension`: "" for any. `beside`: a file that is written too.
  std::filesystem::path check(const std::string& extension, const std::vector<std::string>& inputs,
                              const std::filesystem::path& beside = {}) const;
};

// Bytes of a model with its weights file; 0 where it cannot be seen.
uint64_t model_bytes(const std::filesystem::path& path);

}  // namespace eightbit::cli
