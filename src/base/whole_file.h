// Files that are there whole or not at all: written beside the target, synced, then renamed.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace eightbit {

// Hands out bytes to be written; throws FileError when the disk is full.
using Write = std::function<void(const void* bytes, size_t size)>;

// `body` writes the content. Throws FileError naming path, cause and cure when the folder is
// missing or not writable, the disk is full, or the file exists and `overwrite` is false. Nothing
// is left behind then.
void write_whole_file(const std::filesystem::path& path, bool overwrite,
                      const std::function<void(const Write&)>& body);

// The whole content; throws FileError.
std::string read_whole_file(const std::filesystem::path& path);

// The checks of write_whole_file without writing, to be made before long work.
void check_writable(const std::filesystem::path& path, bool overwrite);

}  // namespace eightbit
