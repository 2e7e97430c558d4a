#include "pipeline/feed.h"

#include <algorithm>

#include "backends/binding.h"
#include "base/error.h"

namespace eightbit {
namespace {

bool leads_with_batch(const std::vector<PortInfo>& inputs) {
  return !inputs.empty() && backends::leads_with_batch(inputs.front().shape);
}

}  // namespace

int64_t batch_of(const Sample& sample, const std::vector<PortInfo>& inputs) {
  if (sample.inputs.empty() || !leads_with_batch(inputs)) return 1;
  const NamedTensor* first = &sample.inputs.front();
  for (const NamedTensor& input : sample.inputs)
    if (input.name == inputs.front().name) first = &input;
  return first->tensor.shape.size() == inputs.front().shape.size() ? std::max<int64_t>(first->tensor.shape[0], 1) : 1;
}

Sample slice(const Sample& sample, int64_t first, int64_t count) {
  Sample part{{}, sample.reset_state};
  for (const NamedTensor& input : sample.inputs) {
    Tensor tensor = input.tensor;
    const auto item = static_cast<int64_t>(tensor.byte_size()) / std::max<int64_t>(tensor.shape.at(0), 1);
    tensor.data += first * item;
    tensor.shape[0] = count;
    part.inputs.push_back({input.name, std::move(tensor)});
  }
  return part;
}

Feed::Feed(std::unique_ptr<SampleSource> source, std::vector<PortInfo> inputs, FeedOptions options)
    : source_(std::move(source)), inputs_(std::move(inputs)), options_(std::move(options)) {
  total_ = options_.limit;
  frozen_batch_ = leads_with_batch(inputs_) && inputs_.front().shape[0] > 1;
  frozen_batch_ = frozen_batch_ && !options_.whole_batches;
  batched_ = leads_with_batch(inputs_) && inputs_.front().shape[0] != 1 && !options_.whole_batches;
  if (const auto size = source_->size(); size && !batched_)
    total_ = std::min(total_, *size);
  const int64_t keep = std::min(options_.keep, total_);
  for (int64_t k = 0; k < keep; ++k) to_keep_.insert(options_.from_front ? k : k * total_ / keep);
}

bool Feed::wanted(int64_t number) const {
  if (number % options_.shard.count != options_.shard.index) return false;
  return !options_.is_done || !options_.is_done(number);
}

std::optional<Sample> Feed::pull() {
  try {
    return source_->next();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    fail<DataError>("data", "the loader failed at sample {}: {}", position_, e.what());
  }
}

bool Feed::keeps(int64_t first, int64_t count) const {
  const auto at = to_keep_.lower_bound(first);
  return at != to_keep_.end() && *at < first + count;
}

void Feed::keep(int64_t first, const Sample& sample, int64_t count) {
  if (frozen_batch_) {   // the model takes whole batches only
    if (keeps(first, count)) kept_.add(first, sample);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    if (to_keep_.contains(first + i)) kept_.add(first + i, count == 1 ? sample : slice(sample, i, 1));
}

// Jumps over samples that nobody wants, where the source gives them one by one.
void Feed::skip_unwanted() {
  if (rest_ || batched_) return;
  int64_t count = 0;
  while (position_ + count < options_.limit && !wanted(position_ + count)) ++count;
  if (count == 0) return;
  source_->skip(count);
  position_ += count;
}

std::optional<Sample> Feed::next() {
  while (position_ < options_.limit) {
    skip_unwanted();
    std::optional<Sample> sample = rest_ ? std::exchange(rest_, std::nullopt) : pull();
    if (!sample) break;
    const int64_t items = batch_of(*sample, inputs_), batch = options_.whole_batches ? 1 : items;
    // How many items from the front share the same fate.
    const bool take = wanted(position_);
    int64_t count = 1;
    const int64_t usable = std::min(batch, options_.limit - position_);
    if (frozen_batch_) count = batch;
    while (count < usable && wanted(position_ + count) == take && aside(position_ + count) == aside(position_)) ++count;
    if (count < batch) {
      rest_ = slice(*sample, count, batch - count);
      sample = slice(*sample, 0, count);
    }
    const int64_t first = std::exchange(position_, position_ + count);
    if (!take) continue;
    keep(first, *sample, count);
    if (options_.set_aside && keeps(first, count)) continue;
    for (int64_t i = 0; i < count; ++i) numbers_.push_back(first + i);
    if (options_.whole_batches) items_.push_back(items);
    handed_out_ = first;
    return sample;
  }
  finished_ = true;
  return std::nullopt;
}

int64_t Feed::take_number() {
  EIGHTBIT_CHECK(!numbers_.empty(), "a record without a sample");
  const int64_t number = numbers_.front();
  numbers_.pop_front();
  if (!items_.empty()) items_.pop_front();
  return number;
}

}  // namespace eightbit
