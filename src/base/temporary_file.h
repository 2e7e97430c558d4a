// A file without a name: gone with the process, however that ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/mapped_file.h"

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
  // What was written, to be read; there is no more writing then.
  std::shared_ptr<const MappedFile> map();

 private:
  void open();
  int descriptor_ = -1;
};

}  // namespace eightbit
