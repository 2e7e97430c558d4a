// Reductions of one tensor to its record, in SIMD (Highway picks the instruction set at run time).
//
// Sums are kept in f32 lanes over at most 4,096 elements and then in f64, so that means do not
// depend on the size of the tensor. Values that are not finite are left out of every statistic and
// counted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "records/histogram.h"
#include "records/tap.h"

namespace eightbit {

// A contiguous tensor seen as [outer, channels, inner]; per tensor: outer 1, channels 1.
struct ReduceView {
  const float* data = nullptr;
  int64_t outer = 1;
  int64_t channels = 1;
  int64_t inner = 0;
};

// Counts of the bins of a few tensors, until a histogram takes them. Neighbouring values that are
// equal would wait for each other, so each bin has four counters, side by side.
struct BinCounts {
  static constexpr int kCounters = 4;
  std::vector<uint32_t> counters = std::vector<uint32_t>(kCounters * Histogram::kBins);
  int positive = 0, negative = 0;  // bins of each half that may hold something, from the lowest

  // Adds them to `counts`, one a bin, and begins at none again.
  void move_to(std::span<uint64_t> counts);
};

// Writes tap.record_size() floats. `counts`: null, or what to add to; tensors above 32,768 values
// are counted in evenly spread stretches.
void reduce(const Tap& tap, const ReduceView& view, std::span<float> record, BinCounts* counts);

// Adds to `out` what two tensors of `count` elements differ by: the sums over all elements of
// reference^2, (reference - other)^2, reference * other and other^2.
void accumulate_difference(const float* reference, const float* other, int64_t count,
                           double out[4]);

// True when every element is finite.
bool all_finite(const float* data, int64_t count);

}  // namespace eightbit
