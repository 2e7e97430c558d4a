#include "pipeline/feed.h"

#include <algorithm>
#include <numeric>

#include "backends/binding.h"
#include "base/error.h"

namespace eightbit {
namespace {

bool leads_with_batch(const std::vector<PortInfo>& inputs) {
  return backends::leads_with_batch(backends::shapes_of(inputs));
}

}  // namespace

int64_t batch_of(const Sample& sample, const std::vector<PortInfo>& inputs) {
  if (sample.inputs.empty() || !leads_with_batch(inputs)) return 1;
  const NamedTensor* first = &sample.inputs.front();
  for (const NamedTensor& input : sample.inputs)
    if (input.name == inputs.front().name) first = &input;
  return first->tensor.shape.size() == inputs.front().shape.size()
             ? std::max<int64_t>(first->tensor.shape[0], 1)
             : 1;
}

Sample slice(const Sample& sample, int64_t first, int64_t count, int64_t batch) {
  Sample part{{}, sample.reset_state};
  for (const NamedTensor& input : sample.inputs) {
    Tensor tensor = input.tensor;
    if (!tensor.shape.empty() && tensor.shape[0] == batch) {
      tensor.data += first * (static_cast<int64_t>(tensor.byte_size()) / batch);
      tensor.shape[0] = count;
    }
    part.inputs.push_back({input.name, std::move(tensor)});
  }
  return part;
}

std::set<int64_t> kept_numbers(int64_t total, int64_t keep) {
  std::vector<int64_t> all(static_cast<size_t>(total));
  std::iota(all.begin(), all.end(), int64_t{0});
  const auto chosen = records::spread_of(all, keep);
  return {chosen.begin(), chosen.end()};
}

Feed::Feed(std::unique_ptr<SampleSource> source, std::vector<PortInfo> inputs, FeedOptions options)
    : source_(std::move(source)), inputs_(std::move(inputs)), options_(std::move(options)) {
  total_ = options_.limit;
  frozen_batch_ = leads_with_batch(inputs_) && inputs_.front().shape[0] > 1;
  frozen_batch_ = frozen_batch_ && !options_.whole_batches;
  batched_ = leads_with_batch(inputs_) && inputs_.front().shape[0] != 1 && !options_.whole_batches;
  const auto size = source_ ? source_->size() : std::nullopt;
  const bool known = !batched_ && size && !options_.open_ended;
  if (size && !batched_) total_ = std::min(total_, *size);
  if (!size && options_.open_ended) total_ = 0;
  if (!known && options_.keep > 0 && !options_.from_front) {
    stride_ = 1;
    return;
  }
  if (options_.from_front)
    for (int64_t k = 0; k < std::min(options_.keep, total_); ++k) to_keep_.insert(k);
  else
    to_keep_ = kept_numbers(total_, options_.keep);
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
  if (stride_ > 0) return (first + count - 1) / stride_ * stride_ >= first;
  const auto at = to_keep_.lower_bound(first);
  return at != to_keep_.end() && *at < first + count;
}

void Feed::keep(int64_t first, const Sample& sample, int64_t count) {
  if (frozen_batch_) {  // the model takes whole batches only
    if (keeps(first, count)) kept_.add(first, sample);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    if (keeps(first + i, 1)) kept_.add(first + i, count == 1 ? sample : slice(sample, i, 1, count));
}

void Feed::give_up(int64_t number) {
  if (options_.set_aside)
    given_up_.push_back(number);
  else
    kept_.remove(number);
}

// Half of what is kept is enough from here on.
void Feed::widen_stride() {
  while (stride_ > 0 && position_ >= 2 * options_.keep * stride_) {
    stride_ *= 2;
    for (int64_t number : kept_.numbers())
      if (!keeps(number, items(number)) && std::ranges::find(given_up_, number) == given_up_.end())
        give_up(number);
  }
}

// At the end of the data.
void Feed::choose_kept() {
  if (stride_ == 0) return;
  widen_stride();
  to_keep_ = kept_numbers(position_, options_.keep);
  stride_ = 0;
  for (int64_t number : kept_.numbers())
    if (!keeps(number, items(number)) && std::ranges::find(given_up_, number) == given_up_.end())
      give_up(number);
}

std::optional<Sample> Feed::next_given_up() {
  if (given_up_.empty()) return std::nullopt;
  const int64_t first = given_up_.front();
  given_up_.pop_front();
  Sample sample = kept_.load(first);
  for (int64_t i = 0; i < batch_of(sample, inputs_); ++i) numbers_.push_back(first + i);
  handed_out_ = first;
  kept_.remove(first);
  return sample;
}

// Jumps over samples that nobody wants, where the source gives them one by one.
void Feed::skip_unwanted() {
  if (rest_ || batched_ || !source_) return;
  int64_t count = 0;
  const int64_t end = std::min(options_.limit, pause_);
  while (position_ + count < end && !wanted(position_ + count)) ++count;
  if (count == 0) return;
  source_->skip(count);
  position_ += count;
}

void Feed::give(const Sample& sample) {
  given_at_ = position_;
  rest_ = sample;
}

void Feed::take_back() {
  rest_.reset();
  numbers_.clear();
  items_.clear();
  for (int64_t number : kept_.numbers())
    if (number >= given_at_) kept_.remove(number);
}

std::optional<Sample> Feed::next() {
  while (!ended_ && position_ < options_.limit) {
    widen_stride();
    if (auto sample = next_given_up()) return sample;
    skip_unwanted();
    if (position_ >= options_.limit) break;
    if (paused()) return std::nullopt;
    if (!source_ && !rest_) return std::nullopt;
    std::optional<Sample> sample = rest_ ? std::exchange(rest_, std::nullopt) : pull();
    ended_ = !sample;
    if (ended_) break;
    const int64_t items = batch_of(*sample, inputs_), batch = options_.whole_batches ? 1 : items;
    // How many items from the front share the same fate.
    const bool take = wanted(position_);
    int64_t count = 1;
    int64_t usable = std::min(batch, std::min(options_.limit, pause_) - position_);
    if (stride_ > 0)
      usable = std::min(usable, std::max<int64_t>(2 * options_.keep * stride_ - position_, 1));
    usable = std::min(usable, options_.most_together);
    if (frozen_batch_) count = batch;
    while (count < usable && wanted(position_ + count) == take &&
           aside(position_ + count) == aside(position_))
      ++count;
    if (count < batch) {
      rest_ = slice(*sample, count, batch - count, batch);
      sample = slice(*sample, 0, count, batch);
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
  choose_kept();
  if (auto sample = next_given_up()) return sample;
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
