#include "base/temporary_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace eightbit {

TemporaryFile::~TemporaryFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept { *this = std::move(other); }
TemporaryFile& TemporaryFile::operator=(TemporaryFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void TemporaryFile::open() {
  std::error_code missing;
  const auto found = std::filesystem::temp_directory_path(missing).string();
  const char* asked = std::getenv("TMPDIR");
  const std::string folder = !found.empty() ? found : asked != nullptr ? asked : "/tmp";
  std::string name = folder + "/eightbit-XXXXXX";
  descriptor_ = ::mkstemp(name.data());
  if (descriptor_ < 0)
    fail<FileError>("temporary file",
                    "none could be made in '{}': {}. Set TMPDIR to a writable folder.", folder,
                    std::strerror(errno));
  ::unlink(name.c_str());
}

void TemporaryFile::write(int64_t offset, std::span<const std::byte> bytes) {
  if (descriptor_ < 0) open();
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0)
      fail<FileError>("temporary file",
                      "no room for {} more bytes in the folder for temporary files: {}. Free some "
                      "space or set TMPDIR to "
                      "another folder.",
                      bytes.size(), std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
}

void TemporaryFile::read(int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      fail<FileError>("temporary file", "{} bytes could not be read back: {}", bytes.size(),
                      got == 0 ? "the file ends before them" : std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(got));
    offset += got;
  }
}

std::shared_ptr<const MappedFile> TemporaryFile::map() {
  auto mapped =
      std::make_shared<const MappedFile>(std::exchange(descriptor_, -1), "a temporary file");
  const auto bytes = mapped->bytes();
  // A framework that takes a tensor over may write to it: into memory of its own then.
  if (!bytes.empty())
    ::mprotect(const_cast<std::byte*>(bytes.data()), bytes.size(), PROT_READ | PROT_WRITE);
  return mapped;
}

}  // namespace eightbit
