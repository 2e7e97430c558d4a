#include "data/arrays/raw_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/random_access_file.h"

namespace eightbit {
namespace {

size_t sample_bytes(const FileDatasetOptions& options) {
  if (options.shape.empty())
    fail<InvalidArgument>(
        "data",
        "raw binary files have no shape of their own. Give 'shape', the shape of one sample, such "
        "as 1,3,224,224");
  if (std::ranges::any_of(options.shape, [](int64_t d) { return d < 1; }))
    fail<InvalidArgument>("data", "shape {} has a dimension below 1", to_string(options.shape));
  if (bits_of(options.dtype) < 8)
    fail<InvalidArgument>(
        "data", "raw binary files of type {} cannot be read. Allowed: types of whole bytes",
        to_string(options.dtype));
  return static_cast<size_t>(element_count(options.shape)) * (bits_of(options.dtype) / 8);
}

class RawStore : public SampleStore {
 public:
  RawStore(const FileSet& files, const FileDatasetOptions& options)
      : options_(options), bytes_(sample_bytes(options)), digest_(files.digest()) {
    for (const auto& path : files.paths) {
      const RandomAccessFile file(path);
      if (file.size() == 0 || file.size() % bytes_ != 0)
        fail<DataError>("data",
                        "'{}' has {} bytes, no multiple of the {} bytes of a sample of shape {} "
                        "and type {}. Check "
                        "'shape' and 'dtype'",
                        file.name(), file.size(), bytes_, to_string(options.shape),
                        to_string(options.dtype));
      count_ += static_cast<int64_t>(file.size() / bytes_);
      ends_.push_back(count_);
      paths_.push_back(path);
    }
  }

  int64_t count() const override { return count_; }

  Sample load(int64_t index) const override {
    const auto end = std::ranges::upper_bound(ends_, index);
    const auto which = static_cast<size_t>(end - ends_.begin());
    const int64_t first = which ? ends_[which - 1] : 0;
    Tensor tensor = Tensor::allocate(options_.dtype, options_.shape);
    const RandomAccessFile file(paths_[which]);
    file.read(static_cast<uint64_t>(index - first) * bytes_, {tensor.mutable_data(), bytes_});
    return {{{options_.input, std::move(tensor)}}, {}};
  }

  std::string fingerprint() const override {
    return fmt::format("raw {} shape {} dtype {} input '{}' count {}", digest_,
                       to_string(options_.shape), to_string(options_.dtype), options_.input,
                       count_);
  }

 private:
  FileDatasetOptions options_;
  size_t bytes_;
  std::string digest_;
  std::vector<std::filesystem::path> paths_;
  std::vector<int64_t> ends_;  // number of samples up to and with each file
  int64_t count_ = 0;
};

}  // namespace

std::shared_ptr<const SampleStore> open_raw_files(const FileSet& files,
                                                  const FileDatasetOptions& options) {
  return std::make_shared<RawStore>(files, options);
}

}  // namespace eightbit
