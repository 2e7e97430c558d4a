// Files that are read by being mapped into memory: pages come in when they are touched.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace eightbit {

class MappedFile {
 public:
  // Takes over an open file; `path` is for messages. Throws FileError.
  MappedFile(int descriptor, const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Throws FileError when the file is missing, a folder or not readable.
std::shared_ptr<const MappedFile> map_file(const std::filesystem::path& path);

}  // namespace eightbit
