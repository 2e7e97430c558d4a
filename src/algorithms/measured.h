// Statistics of a value as the plan leaves it: a per-channel scale in front of some of its
// consumers, or a change of the network, moves the measured numbers; nothing is measured again.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

class Measured {
 public:
  // Throws InvalidArgument when the value was not measured. The scale that stands in front of `use`
  // is applied.
  Measured(const Graph& graph, const records::StatisticsData& statistics, const Plan& plan,
           ValueId value, Use use);

  // Min and max per tensor of each sample.
  std::vector<records::Row> rows() const;
  // Over all samples, by channel; or one, per tensor.
  std::vector<float> channel_min() const;
  std::vector<float> channel_max() const;
  std::vector<float> channel_mean() const;              // empty when means were not measured
  std::vector<float> channel_variance() const;          // empty when mean squares were not measured
  bool is_moved() const { return !multiply_.empty(); }  // not what was measured
  bool has_channels() const { return channels_ > 1; }
  // Of the value as it was measured; empty where it is another one now.
  const Histogram& histogram() const;
  // For values that a scale moves, of which there is no histogram; see extremes_range.h. Nothing
  // where more than a scale moves them, or a change of the network does and the channels of samples
  // were not kept.
  std::optional<std::pair<float, float>> scaled_range() const;
  float min() const;
  float max() const;

 private:
  std::vector<float> moved(std::vector<float> values) const;
  const records::StatisticsData& statistics_;
  int point_ = kNone;
  int64_t channels_ = 1;
  std::vector<float> multiply_, add_;  // by channel; empty: the value is what was measured
  bool is_scaled_ = false;             // a scale stands in front of the use
};

}  // namespace eightbit::algorithms
