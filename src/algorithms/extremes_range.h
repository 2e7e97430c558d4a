// A range of least error where only the extremes of channels are known, not a histogram: of values
// that a scale for each channel moves.
//
// Between the mean of the samples' extremes and the outermost one, rounding errs by step^2 / 12 for
// each element (by the element's square where it rounds to 0), and clipping by the square of what
// each channel's extreme of a sample lies outside, for one of the elements that a sample has in the
// channel. With one element a sample every extreme is a typical value, and nothing is clipped; with
// many, a rare one is. Each channel's outermost extreme counts as far out as a new sample may be
// expected to be (leave one out: as far beyond the others as it is itself).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "records/statistics_data.h"

namespace eightbit::algorithms {

struct ChannelExtremes {
  std::vector<std::vector<float>> samples;  // minima, then maxima of the channels of a sample
  std::vector<float> mean_square;           // by channel; empty where it was not measured
  double elements = 1;                      // of a channel in a sample, on average
};

// Of up to 64 samples, evenly spread: enough for a mean. Where those of samples were not kept, the
// outermost of all samples count as those of one, so that nothing is clipped.
ChannelExtremes channel_extremes(const records::StatisticsData& statistics, int point);

struct ExtremesRange {
  float low = 0, high = 0;
  // expected squared error of an element, by channel, of the values as multiplied
  std::vector<double> error;
};

// What a range from `low` to `high` errs by.
ExtremesRange range_between(const ChannelExtremes& x, std::span<const float> multiply, float low,
                            float high);

// `multiply`: by channel, positive. 255 steps from low to high.
ExtremesRange least_error_range(const ChannelExtremes& x, std::span<const float> multiply);

}  // namespace eightbit::algorithms
