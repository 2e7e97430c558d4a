#include "base/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>

#include "base/error.h"

namespace eightbit {
namespace fs = std::filesystem;
namespace {

std::string cure(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "Free some space or choose another place.";
    case EACCES:
    case EPERM:
    case EROFS:
      return "Choose a place you may write to.";
    default:
      return "Check the path.";
  }
}

[[noreturn]] void fail_with(const fs::path& path, int code, size_t written) {
  fail<FileError>("write", "could not write '{}' after {} bytes: {}. {}", path.string(), written,
                  std::strerror(code), cure(code));
}

// A file that disappears unless it is committed.
class PendingFile {
 public:
  explicit PendingFile(const fs::path& target) : target_(target) {
    descriptor_ = ::open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (descriptor_ < 0) open_named();
  }
  ~PendingFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  void write(const void* bytes, size_t size) {
    const char* at = static_cast<const char*>(bytes);
    while (size > 0) {
      const ssize_t done = ::write(descriptor_, at, size);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail_with(target_, done < 0 ? errno : ENOSPC, written_);
      at += done;
      size -= static_cast<size_t>(done);
      written_ += static_cast<size_t>(done);
    }
  }
  void commit() {
    if (::fsync(descriptor_) != 0) fail_with(target_, errno, written_);
    if (temporary_.empty()) name();
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with(target_, errno, written_);
    temporary_.clear();
    const int opened = ::open(folder(), O_RDONLY | O_DIRECTORY);
    if (opened < 0) return;
    ::fsync(opened);
    ::close(opened);
  }

 private:
  const char* folder() {
    if (folder_.empty()) folder_ = target_.has_parent_path() ? target_.parent_path() : ".";
    return folder_.c_str();
  }

  // Where the file system has no files without a name.
  void open_named() {
    temporary_ = target_.string() + ".XXXXXX";
    descriptor_ = ::mkstemp(temporary_.data());
    if (descriptor_ < 0) fail_with(target_, errno, 0);
    ::fchmod(descriptor_, 0644);
  }

  // A name that is nobody else's, for as long as it takes to rename the file.
  void name() {
    const std::string open = fmt::format("/proc/self/fd/{}", descriptor_);
    for (int attempt = 0; attempt < 8; ++attempt) {
      temporary_ = fmt::format("{}.{:08x}", target_.string(), std::random_device{}());
      if (::linkat(AT_FDCWD, open.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) == 0)
        return;
    }
    temporary_.clear();
    fail_with(target_, errno, written_);
  }

  fs::path target_, folder_;
  std::string temporary_;  // empty: the file has no name, and is gone with the process
  int descriptor_ = -1;
  size_t written_ = 0;
};

}  // namespace

void check_writable(const fs::path& path, bool overwrite) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    fail<FileError>("write",
                    "the folder '{}' does not exist. Make it first or choose another place.",
                    folder.string());
  if (fs::is_directory(path, ignored))
    fail<FileError>("write", "'{}' is a folder. Give the name of a file.", path.string());
  if (!overwrite && fs::exists(fs::symlink_status(path, ignored)))
    fail<FileError>("write",
                    "'{}' exists already. Choose another name or allow overwriting (--force).",
                    path.string());
  if (::access(folder.c_str(), W_OK) != 0)
    fail<FileError>("write", "the folder '{}' is not writable: {}. {}", folder.string(),
                    std::strerror(errno), cure(errno));
}

void write_whole_file(const fs::path& path, bool overwrite,
                      const std::function<void(const Write&)>& body) {
  check_writable(path, overwrite);
  PendingFile file(path);
  body([&](const void* bytes, size_t size) { file.write(bytes, size); });
  file.commit();
}

std::string read_whole_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    fail<FileError>("read", "could not open '{}': {}. Check the path.", path.string(),
                    std::strerror(errno));
  std::string content;
  std::error_code ignored;
  const auto size = fs::file_size(path, ignored);
  content.resize(ignored ? 0 : size);
  size_t at = 0;
  while (at < content.size()) {
    const ssize_t got = ::read(descriptor, content.data() + at, content.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    at += static_cast<size_t>(got);
  }
  ::close(descriptor);
  content.resize(at);
  return content;
}

}  // namespace eightbit
