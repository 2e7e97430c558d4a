#include "backends/onnx/proto/external_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "backends/onnx/proto/types.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

std::string entry(const TensorProto& proto, std::string_view key) {
  for (const auto& pair : proto.external_data())
    if (pair.key() == key) return pair.value();
  return {};
}

uint64_t number(const TensorProto& proto, std::string_view key, uint64_t otherwise) {
  const std::string text = entry(proto, key);
  if (text.empty()) return otherwise;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail<ModelError>("onnx", "tensor '{}': the {} '{}' of its external data is no number",
                     proto.name(), key, text);
  return value;
}

[[noreturn]] void refuse(const TensorProto& proto, const std::string& location,
                         std::string_view reason) {
  fail<ModelError>("onnx",
                   "tensor '{}': its external data '{}' {}. Allowed are plain files in the model's "
                   "own folder; save the "
                   "model again with such a file",
                   proto.name(), location, reason);
}

// Every component must be a plain name.
void check_location(const TensorProto& proto, const std::string& location) {
  const fs::path path(location);
  if (location.empty() || location.find('\0') != std::string::npos)
    refuse(proto, location, "has no valid path");
  if (path.is_absolute() || location.find('\\') != std::string::npos)
    refuse(proto, location, "is an absolute path");
  for (const auto& part : path)
    if (part == "..") refuse(proto, location, "leaves the folder");
}

// Folder by folder, and no symbolic link is followed on the way.
Descriptor open_inside(const TensorProto& proto, const fs::path& folder,
                       const std::string& location) {
  Descriptor at(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const fs::path path(location);
  for (auto part = path.begin(); part != path.end() && at.get() >= 0; ++part) {
    const bool last = std::next(part) == path.end();
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY);
    at = Descriptor(::openat(at.get(), part->c_str(), flags));
    if (at.get() < 0 && (errno == ELOOP || errno == ENOTDIR))
      refuse(proto, location, "is or passes a symbolic link");
  }
  if (at.get() < 0)
    fail<FileError>(
        "onnx",
        "tensor '{}': its external data '{}' cannot be opened: {}. Copy the file beside the model",
        proto.name(), (folder / location).string(), std::strerror(errno));
  return at;
}

void check_plain(const TensorProto& proto, const std::string& location, int descriptor) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    refuse(proto, location, "is no plain file");
  if (status.st_nlink > 1)
    refuse(proto, location, "is a hard link, a file that also has another name");
}

}  // namespace

std::shared_ptr<const MappedFile> ExternalData::open(const TensorProto& proto,
                                                     const std::string& location) {
  auto& file = files_[location];
  if (file) return file;
  check_location(proto, location);
  Descriptor descriptor = open_inside(proto, folder_, location);
  check_plain(proto, location, descriptor.get());
  return file = std::make_shared<const MappedFile>(descriptor.release(), folder_ / location);
}

Tensor ExternalData::load(const TensorProto& proto) {
  if (folder_.empty())
    fail<InvalidArgument>("onnx",
                          "tensor '{}' lies in an external file, and a model in memory has no "
                          "folder. Pass the path of "
                          "the model, or load it with its external data",
                          proto.name());
  Tensor tensor{
      to_dtype(proto.data_type()), {proto.dims().begin(), proto.dims().end()}, nullptr, nullptr};
  const size_t expected = checked_byte_size(proto);
  const std::string location = entry(proto, "location");
  const uint64_t offset = number(proto, "offset", 0), length = number(proto, "length", expected);
  if (length != expected)
    fail<ModelError>("onnx",
                     "tensor '{}' of shape {} needs {} bytes; its external data '{}' declares {}",
                     proto.name(), to_string(tensor.shape), expected, location, length);
  const auto file = open(proto, location);
  const auto bytes = file->bytes();
  if (offset > bytes.size() || length > bytes.size() - offset)
    fail<ModelError>("onnx",
                     "tensor '{}': bytes {} to {} of '{}' are needed, and the file has {}. Copy "
                     "the whole file beside "
                     "the model",
                     proto.name(), offset, offset + length, location, bytes.size());
  tensor.data = bytes.data() + offset;
  tensor.owner = file;
  return tensor;
}

}  // namespace eightbit::onnx
