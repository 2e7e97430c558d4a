#include "data/random_access_file.h"

#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "data/path_text.h"

namespace eightbit {
namespace fs = std::filesystem;

RandomAccessFile::RandomAccessFile(const fs::path& path) : name_(path_text(path)) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) fail<DataError>("data", "'{}' does not exist. Check the path", name_);
  if (!fs::is_regular_file(status)) fail<DataError>("data", "'{}' is not a regular file", name_);
  size_ = fs::file_size(path, error);
  if (error) fail<DataError>("data", "'{}' cannot be read: {}", name_, error.message());
  stream_.rdbuf()->pubsetbuf(nullptr, 0);  // reads are large; a buffer would only copy
  errno = 0;
  stream_.open(path, std::ios::binary);
  if (!stream_)
    fail<DataError>("data", "'{}' cannot be opened: {}", name_,
                    std::generic_category().message(errno));
}

void RandomAccessFile::read(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset)
    fail<DataError>(
        "data",
        "'{}' ends early: bytes {} to {} were expected, it has {}. Copy or make the file again",
        name_, offset, offset + out.size(), size_);
  std::lock_guard lock(mutex_);
  stream_.clear();
  stream_.seekg(static_cast<std::streamoff>(offset));
  stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  if (static_cast<size_t>(stream_.gcount()) != out.size())
    fail<DataError>(
        "data",
        "'{}' cannot be read at byte {}: it was changed while it was read, or the disk failed",
        name_, offset);
}

std::vector<std::byte> RandomAccessFile::read(uint64_t offset, uint64_t count) const {
  std::vector<std::byte> bytes(offset <= size_ && count <= size_ - offset ? count : 0);
  // throws
  if (bytes.size() != count)
    read(offset, std::span<std::byte>(static_cast<std::byte*>(nullptr), count));
  if (count) read(offset, std::span<std::byte>(bytes));
  return bytes;
}

}  // namespace eightbit
