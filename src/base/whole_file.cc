#include "base/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

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
  explicit PendingFile(const fs::path& target)
      : target_(target), temporary_(target.string() + ".XXXXXX") {
    descriptor_ = ::mkstemp(temporary_.data());
    if (descriptor_ < 0) fail_with(target_, errno, 0);
    ::fchmod(descriptor_, 0644);
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
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with(target_, errno, written_);
    temporary_.clear();
    const int folder = ::open(target_.has_parent_path() ? target_.parent_path().c_str() : ".",
                              O_RDONLY | O_DIRECTORY);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
  }

 private:
  fs::path target_;
  std::string temporary_;
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
