// Which files a SOURCE means, and of what kind they are.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/digest.h"

namespace eightbit {

enum class FileKind { image, sound, npy, npz, raw, archive };
std::string_view to_string(FileKind kind);

struct FileSet {
  FileKind kind = FileKind::image;
  bool single = false;  // SOURCE named one file itself
  std::vector<std::filesystem::path> paths;
  // relative, the same on every machine; for messages and fingerprints
  std::vector<std::string> names;

  std::string digest() const;  // of names and sizes
};

// Of the files' names and sizes.
Digest digest_of(const std::vector<std::filesystem::path>& paths,
                 const std::vector<std::string>& names);

// In small letters, with its dot.
std::string extension(const std::filesystem::path& path);
// Of lines of text, which find_files() refuses: they are read through a tokenizer.
bool is_text(const std::filesystem::path& path);

// By extension, case ignored; nothing for files that are no data.
std::optional<FileKind> kind_of(const std::filesystem::path& path);

// Throws DataError when nothing is there or kinds are mixed, InvalidArgument for a file of another
// kind.
FileSet find_files(const std::string& source);

// Files that are named one by one. Throws DataError for one that is missing, or where kinds are
// mixed.
FileSet files_of(const std::vector<std::filesystem::path>& paths);

// The paths that match a pattern of *, ? and [a-z], sorted; '*' does not cross '/' and matches no
// leading dot.
std::vector<std::filesystem::path> expand_glob(std::string_view pattern);

}  // namespace eightbit
