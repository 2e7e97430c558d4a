// What is measured at one value of the graph, and how a sample's record is laid out.
//
// A record is a row of floats, one stretch a tap, in tap order:
//   min[C] max[C] | mean[C] | mean_square[C] | quantile(p)[C] for each p | finite fraction [1]
// with only the stretches that the tap asks for; C is the number of channels, or 1 per tensor. The
// finite fraction is always there: below 1 the tensor held NaN or Inf, which are left out of every
// other number. Histograms are not part of the record: they are integer counts summed over samples
// (histogram.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace eightbit {

class SecondMoments;

enum Statistic : uint32_t {
  kMinMax = 1u << 0,
  kMean = 1u << 1,
  kMeanSquare = 1u << 2,
  kHistogram = 1u << 3,  // per tensor; per channel with kHistogramPerChannel
  kHistogramPerChannel = 1u << 4,
};

struct Tap {
  ValueId value = kNone;
  int64_t axis = kNone;  // channel axis that is kept; kNone: per tensor
  int64_t channels = 1;  // size of that axis
  uint32_t statistics = kMinMax;
  // keep the channels of every sample, not only their fold (see statistics_data.h)
  bool keep_channels = false;
  // exact, of the sample's values (of |x| where negative: -p means p of |x|)
  std::vector<double> quantiles;
  // null, or what samples are added to; of a run, not of statistics
  std::shared_ptr<SecondMoments> moments;

  int64_t record_size() const;      // floats
  int64_t histogram_count() const;  // 0, 1 or `channels`
};

struct TapLayout {  // offsets of the stretches of each tap inside a record
  int64_t offset = 0, min = -1, max = -1, mean = -1, mean_square = -1, quantiles = -1, finite = -1;
};
std::vector<TapLayout> layout_of(const std::vector<Tap>& taps);
int64_t record_size(const std::vector<Tap>& taps);

}  // namespace eightbit
