// From a tensor, as an engine meets it while a model runs, to its record.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "records/histogram.h"
#include "records/reduce.h"
#include "records/tap.h"

namespace eightbit {

// Counts shared by all copies and streams of one tap.
struct HistogramSink {
  std::mutex mutex;
  Histogram counts;

  // Takes them away from there.
  void take(BinCounts& more);
};

// The counts of each tap so far; nothing where its sink is null.
std::vector<std::vector<Histogram>> counts_of(
    const std::vector<std::shared_ptr<HistogramSink>>& sinks);

// Fills `records`: tap.record_size() floats for each of `batch` items. The tensor is split along
// axis 0 when that has the size of the batch; otherwise it counts as a whole for each item. `sink`:
// null where nothing is counted.
void record_tensor(const Tap& tap, const float* data, std::span<const int64_t> shape, int64_t batch,
                   std::span<float> records, HistogramSink* sink);

// One record of those of all iterations of a loop, one behind the other: the lowest minimum, the
// highest maximum, and the means of all else, over the iterations that computed the value.
void fold_records(const Tap& tap, std::span<const float> records, std::span<float> record);

// Means over all axes but `axis`, one a channel, of the whole tensor.
std::vector<float> channel_means(const float* data, std::span<const int64_t> shape, int64_t axis);

// The record of a comparison: signal, noise, dot and power of two tensors of `shape`, and with an
// axis the means of other - reference by channel and the number of elements.
void record_difference(const float* reference, const float* other, std::span<const int64_t> shape,
                       int64_t axis, std::span<float> record);

}  // namespace eightbit
