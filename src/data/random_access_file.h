// A file read at any position. Reads are checked: bytes that are not there are a DataError, never
// garbage or a signal, which is why files are read and not mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace eightbit {

class RandomAccessFile {
 public:
  // Regular files only. Throws DataError when it is missing or not readable.
  explicit RandomAccessFile(const std::filesystem::path& path);

  uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }  // for messages

  // Fills `out` from `offset` on. Safe from several threads.
  void read(uint64_t offset, std::span<std::byte> out) const;
  // throws before it allocates too much
  std::vector<std::byte> read(uint64_t offset, uint64_t count) const;

 private:
  std::string name_;
  uint64_t size_ = 0;
  mutable std::mutex mutex_;
  mutable std::ifstream stream_;
};

}  // namespace eightbit
