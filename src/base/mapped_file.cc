#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace eightbit {

MappedFile::MappedFile(int descriptor, const std::filesystem::path& path) {
  struct stat status{};
  int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
  if (!error && !S_ISREG(status.st_mode)) error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
  size_ = error ? 0 : static_cast<size_t>(status.st_size);
  if (size_ > 0) {
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED)
      error = errno;
    else
      data_ = static_cast<const std::byte*>(address);
  }
  ::close(descriptor);
  if (error)
    fail<FileError>("read", "'{}' cannot be read: {}. Give the path of a file", path.string(),
                    std::strerror(error));
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::shared_ptr<const MappedFile> map_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    fail<FileError>("read", "'{}' cannot be opened: {}. Check the path and its permissions",
                    path.string(), std::strerror(errno));
  return std::make_shared<const MappedFile>(descriptor, path);
}

}  // namespace eightbit
