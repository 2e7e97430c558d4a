#include "records/tensor_record.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "records/second_moments.h"
#include "records/unseen.h"

namespace eightbit {
namespace {

int64_t product(std::span<const int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

// A tensor seen with the channels of `axis`; kNone: as one channel.
ReduceView view_of(int64_t axis, const float* data, std::span<const int64_t> shape) {
  if (axis == kNone) return {data, 1, 1, product(shape)};
  const auto at = static_cast<size_t>(axis);
  EIGHTBIT_CHECK(at < shape.size(), "channel axis {} of a tensor of rank {}", at, shape.size());
  return {data, product(shape.first(at)), shape[at], product(shape.subspan(at + 1))};
}

}  // namespace

void HistogramSink::take(BinCounts& more) {
  std::lock_guard lock(mutex);
  if (counts.empty()) counts.counts.assign(Histogram::kBins, 0);
  more.move_to(counts.counts);
}

std::vector<std::vector<Histogram>> counts_of(
    const std::vector<std::shared_ptr<HistogramSink>>& sinks) {
  std::vector<std::vector<Histogram>> out;
  for (const auto& sink : sinks) {
    out.emplace_back();
    if (sink) out.back().push_back(sink->counts);
  }
  return out;
}

void record_tensor(const Tap& tap, const float* data, std::span<const int64_t> shape, int64_t batch,
                   std::span<float> records, HistogramSink* sink) {
  const auto size = static_cast<size_t>(tap.record_size());
  std::vector<int64_t> item_shape(shape.begin(), shape.end());
  const bool split = batch > 1 && !shape.empty() && shape[0] == batch;
  if (split) item_shape[0] = 1;
  const int64_t stride = product(item_shape);

  thread_local BinCounts counts;  // none in between
  for (int64_t item = 0; item < (split ? batch : 1); ++item) {
    reduce(tap, view_of(tap.axis, data + item * stride, item_shape),
           records.subspan(static_cast<size_t>(item) * size, size), sink ? &counts : nullptr);
  }
  if (tap.moments) tap.moments->add(data, shape, tap.axis);
  if (!split)
    for (int64_t item = 1; item < batch; ++item)
      std::ranges::copy(records.first(size), records.begin() + item * static_cast<int64_t>(size));
  if (sink) sink->take(counts);
}

void fold_records(const Tap& tap, std::span<const float> records, std::span<float> record) {
  const size_t size = record.size(), channels = static_cast<size_t>(tap.channels);
  const TapLayout at = layout_of({tap})[0];
  const size_t extremes = at.min < 0 ? 0 : 2 * channels;  // minima and maxima come first
  EIGHTBIT_CHECK(records.size() % size == 0, "{} numbers are no records of {}", records.size(),
                 size);
  std::vector<double> sums(size);
  size_t count = 0;
  for (size_t row = 0; row < records.size(); row += size) {
    const auto one = records.subspan(row, size);
    if (one.back() == kUnseen) continue;
    for (size_t i = 0; i < extremes; ++i) {
      const double value = one[i];
      sums[i] = count == 0     ? value
                : i < channels ? std::min(sums[i], value)
                               : std::max(sums[i], value);
    }
    for (size_t i = extremes; i < size; ++i) sums[i] += one[i];
    ++count;
  }
  const double by = count == 0 ? 1.0 : static_cast<double>(count);
  for (size_t i = 0; i < size; ++i)
    record[i] = static_cast<float>(i < extremes ? sums[i] : sums[i] / by);
  if (count == 0) record.back() = kUnseen;
}

std::vector<float> channel_means(const float* data, std::span<const int64_t> shape, int64_t axis) {
  const ReduceView view = view_of(axis, data, shape);
  Tap tap;
  tap.axis = axis;
  tap.channels = view.channels;
  tap.statistics = kMean;
  std::vector<float> record(static_cast<size_t>(tap.record_size()));
  reduce(tap, view, record, nullptr);
  record.pop_back();  // the finite fraction
  return record;
}

void record_difference(const float* reference, const float* other, std::span<const int64_t> shape,
                       int64_t axis, std::span<float> record) {
  double sums[4] = {};
  accumulate_difference(reference, other, product(shape), sums);
  std::ranges::copy(sums, record.begin());
  if (axis == kNone) return;
  const auto before = channel_means(reference, shape, axis),
             after = channel_means(other, shape, axis);
  for (size_t c = 0; c < before.size(); ++c) record[4 + c] = after[c] - before[c];
  record[4 + before.size()] = static_cast<float>(product(shape));
}

}  // namespace eightbit
