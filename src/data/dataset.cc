#include <eightbit/dataset.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/error.h"

namespace eightbit {
namespace {

class FunctionSource : public SampleSource {
 public:
  FunctionSource(std::function<std::optional<Sample>()> next, std::optional<int64_t> size)
      : next_(std::move(next)), size_(size) {}
  std::optional<Sample> next() override { return next_(); }
  std::optional<int64_t> size() const override { return size_; }

 private:
  std::function<std::optional<Sample>()> next_;
  std::optional<int64_t> size_;
};

class MemorySource : public SampleSource {
 public:
  explicit MemorySource(std::shared_ptr<const std::vector<Sample>> samples)
      : samples_(std::move(samples)) {}
  std::optional<Sample> next() override {
    if (position_ == samples_->size()) return std::nullopt;
    return (*samples_)[position_++];
  }
  std::optional<int64_t> size() const override { return static_cast<int64_t>(samples_->size()); }
  void skip(int64_t n) override {
    if (n > 0) position_ += std::min(static_cast<size_t>(n), samples_->size() - position_);
  }

 private:
  std::shared_ptr<const std::vector<Sample>> samples_;
  size_t position_ = 0;
};

}  // namespace

void SampleSource::skip(int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (!next()) return;
}

Dataset Dataset::from_function(std::function<std::optional<Sample>()> next,
                               std::optional<int64_t> size) {
  if (!next)
    fail<InvalidArgument>("data",
                          "the function that yields samples is empty. Pass one that can be called");
  auto opened = std::make_shared<std::atomic<bool>>(false);
  return from_source([next = std::move(next), size, opened]() -> std::unique_ptr<SampleSource> {
    if (opened->exchange(true))
      fail<DataError>("data",
                      "this dataset comes from a function and has been read already. Use it once, "
                      "save the statistics "
                      "of calibrate() for later runs, or build it with from_source()");
    return std::make_unique<FunctionSource>(next, size);
  });
}

Dataset Dataset::from_samples(std::vector<Sample> samples) {
  auto shared = std::make_shared<const std::vector<Sample>>(std::move(samples));
  return from_source([shared] { return std::make_unique<MemorySource>(shared); });
}

Dataset Dataset::from_source(std::function<std::unique_ptr<SampleSource>()> open) {
  Dataset dataset;
  dataset.open_ = std::move(open);
  return dataset;
}

std::unique_ptr<SampleSource> Dataset::open() const {
  if (!open_)
    fail<InvalidArgument>(
        "data", "the dataset is empty. Make one with open_files() or Dataset::from_samples()");
  return open_();
}

}  // namespace eightbit
