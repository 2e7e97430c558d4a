#include "data/read_ahead.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace eightbit {
namespace {

constexpr size_t kMostSamples = 4;        // waiting in the queue
constexpr size_t kMostBytes = 64u << 20;  // of them together; one sample may always wait

struct Loaded {
  int64_t index = 0;
  Sample sample;
  std::exception_ptr error;
  size_t bytes = 0;
};

Loaded load(const SampleStore& store, int64_t index) {
  Loaded loaded{index, {}, nullptr, 0};
  try {
    loaded.sample = store.load(index);
    for (const NamedTensor& input : loaded.sample.inputs) loaded.bytes += input.tensor.byte_size();
  } catch (...) {
    loaded.error = std::current_exception();
  }
  return loaded;
}

class ReadAheadSource : public SampleSource {
 public:
  explicit ReadAheadSource(std::shared_ptr<const SampleStore> store) : store_(std::move(store)) {
    queue_.reserve(
        kMostSamples);  // no allocation on the thread, where one that fails would end all
  }
  ~ReadAheadSource() override { stop(); }

  std::optional<Sample> next() override {
    if (position_ >= store_->count()) return std::nullopt;
    Loaded loaded = take(position_);
    last_ = position_++;
    if (loaded.error) std::rethrow_exception(loaded.error);
    return std::move(loaded.sample);
  }
  std::optional<int64_t> size() const override { return store_->count(); }
  void skip(int64_t n) override {
    if (n > 0) position_ += std::min(n, store_->count() - position_);
  }
  std::string fingerprint() const override { return store_->fingerprint(); }

 private:
  // The sample `index` from the thread, which is started again when it is on its way to another
  // one.
  Loaded take(int64_t index) {
    if (!worker_.joinable() || expected_ != index) {
      stop();
      start(index, last_ < 0 ? 1 : index - last_);
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty(); });
    Loaded loaded = std::move(queue_.front());
    queue_.erase(queue_.begin());
    queued_bytes_ -= loaded.bytes;
    expected_ = index + worker_stride_;
    changed_.notify_all();
    return loaded;
  }

  void start(int64_t index, int64_t stride) {
    stopping_ = false;
    worker_stride_ = stride;
    worker_ = std::thread([this, index, stride] { work(index, stride); });
  }

  void work(int64_t index, int64_t stride) {
    for (; index < store_->count(); index += stride) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || has_room(); });
        if (stopping_) return;
      }
      Loaded loaded = load(*store_, index);
      std::lock_guard lock(mutex_);
      queued_bytes_ += loaded.bytes;
      queue_.push_back(std::move(loaded));
      changed_.notify_all();
    }
  }

  bool has_room() const {
    return queue_.empty() || (queue_.size() < kMostSamples && queued_bytes_ < kMostBytes);
  }

  void stop() {
    if (!worker_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    worker_.join();
    queue_.clear();
    queued_bytes_ = 0;
  }

  std::shared_ptr<const SampleStore> store_;
  int64_t position_ = 0;   // of the sample that next() returns
  int64_t last_ = -1;      // that next() returned before
  int64_t expected_ = -1;  // at the head of the queue
  int64_t worker_stride_ = 1;

  std::thread worker_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<Loaded> queue_;  // the next one in front
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<SampleSource> read_ahead(std::shared_ptr<const SampleStore> store) {
  return std::make_unique<ReadAheadSource>(std::move(store));
}

}  // namespace eightbit
