#include "data/arrays/array_store.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "data/arrays/stored_array.h"
#include "data/path_text.h"

namespace eightbit {
namespace {

const StoredArray* find(const std::vector<StoredArray>& arrays, const std::string& name) {
  const auto found = std::ranges::find(arrays, name, &StoredArray::name);
  return found == arrays.end() ? nullptr : &*found;
}

// With all of the model's inputs there, they and nothing else, in the model's order: the rest are
// labels. Otherwise everything that could be an input; names are matched by who feeds the model.
std::vector<StoredArray> choose(std::vector<StoredArray> arrays,
                                const std::vector<std::string>& inputs) {
  const auto present = [&](const std::string& name) { return find(arrays, name) != nullptr; };
  if (!inputs.empty() && std::ranges::all_of(inputs, present)) {
    std::vector<StoredArray> chosen;
    for (const std::string& name : inputs) chosen.push_back(*find(arrays, name));
    for (const StoredArray& array : chosen) array.require_type();
    return chosen;
  }
  if (inputs.empty())
    for (const StoredArray& array : arrays) array.require_type();
  std::erase_if(arrays,
                [](const StoredArray& array) { return array.header().dtype == DType::undefined; });
  return arrays;
}

// numpy.savez(file, a, b) calls its arrays arr_0, arr_1: they go by position.
bool numbered(const std::vector<StoredArray>& arrays) {
  for (size_t i = 0; i < arrays.size(); ++i)
    if (arrays[i].name() != fmt::format("arr_{}", i)) return false;
  return true;
}

class ArrayNames {
 public:
  ArrayNames(const std::vector<StoredArray>& arrays, const FileDatasetOptions& options)
      : by_position_(numbered(arrays) && std::ranges::find(options.model_input_names, "arr_0") ==
                                             options.model_input_names.end()),
        input_(options.input) {}
  std::string of(const StoredArray& array) const {
    if (array.name().empty()) return input_;
    return by_position_ ? "" : array.name();
  }

 private:
  bool by_position_;
  std::string input_;
};

class ArrayRows : public SampleStore {
 public:
  ArrayRows(std::vector<StoredArray> arrays, const FileDatasetOptions& options)
      : arrays_(std::move(arrays)), names_(arrays_, options) {
    for (const StoredArray& array : arrays_) check(array);
    for (StoredArray& array : arrays_) array.prepare_rows();
  }

  int64_t count() const override { return arrays_.front().rows(); }

  Sample load(int64_t index) const override {
    Sample sample;
    for (const StoredArray& array : arrays_)
      sample.inputs.push_back({names_.of(array), array.row(index)});
    return sample;
  }

  std::string fingerprint() const override {
    Digest digest;
    for (const StoredArray& array : arrays_) array.identify(digest.add(names_.of(array)));
    return fmt::format("arrays {} rows {}", digest.hex(), count());
  }

 private:
  void check(const StoredArray& array) const {
    array.require_type();
    if (array.header().shape.empty())
      fail<DataError>("data", "{} is a single number. Samples lie along axis 0", array.label());
    if (array.rows() == 0)
      fail<DataError>("data", "{} of shape {} holds no samples", array.label(),
                      to_string(array.header().shape));
    if (array.rows() != count())
      fail<DataError>(
          "data", "{} has {} samples, '{}' has {}. All arrays need the same length along axis 0",
          array.label(), array.rows(), arrays_.front().name(), count());
  }

  std::vector<StoredArray> arrays_;
  ArrayNames names_;
};

class ArrayFiles : public SampleStore {
 public:
  ArrayFiles(FileSet files, const FileDatasetOptions& options)
      : files_(std::move(files)), options_(options) {}

  int64_t count() const override { return static_cast<int64_t>(files_.paths.size()); }

  Sample load(int64_t index) const override {
    const std::vector<StoredArray> arrays =
        choose(list_arrays(files_.paths[static_cast<size_t>(index)]), options_.model_input_names);
    const ArrayNames names(arrays, options_);
    Sample sample;
    for (const StoredArray& array : arrays) {
      array.require_type();
      sample.inputs.push_back({names.of(array), array.whole()});
    }
    return sample;
  }

  std::string fingerprint() const override {
    return fmt::format("array files {} input '{}' count {}", files_.digest(), options_.input,
                       count());
  }

 private:
  FileSet files_;
  FileDatasetOptions options_;
};

}  // namespace

std::shared_ptr<const SampleStore> open_array_rows(const std::filesystem::path& path,
                                                   const FileDatasetOptions& options) {
  std::vector<StoredArray> all = list_arrays(path);
  const size_t count = all.size();
  const std::string types = count ? all.front().header().descr : "";
  std::vector<StoredArray> arrays = choose(std::move(all), options.model_input_names);
  if (arrays.empty())
    fail<DataError>("data",
                    "'{}' holds no array of numbers (its first has type '{}'). The model reads {}",
                    path_text(path), types, fmt::join(options.model_input_names, ", "));
  if (arrays.size() < count)
    log(LogLevel::info, "'{}': {} arrays are no model input and are passed over", path_text(path),
        count - arrays.size());
  return std::make_shared<ArrayRows>(std::move(arrays), options);
}

std::shared_ptr<const SampleStore> open_array_files(FileSet files,
                                                    const FileDatasetOptions& options) {
  return std::make_shared<ArrayFiles>(std::move(files), options);
}

}  // namespace eightbit
