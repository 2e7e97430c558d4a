// A file without a name: gone with the process, however that ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace eightbit {

// Made at the first write, in the folder for temporary files (TMPDIR). Errors are FileError.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&& other) noexcept;

  void write(int64_t offset, std::span<const std::byte> bytes);
  void read(int64_t offset, std::span<std::byte> bytes) const;

 private:
  void open();
  int descriptor_ = -1;
};

}  // namespace eightbit
