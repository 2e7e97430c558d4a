// The ranges of weights: as the options ask; else scales by least error; else the extremes.
#pragma once

#include <eightbit/options.h>

#include <map>
#include <optional>
#include <vector>

#include "algorithms/range_setter.h"
#include "algorithms/weight_terms.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

class WeightRanges {
 public:
  // Ranges of activations must be known.
  WeightRanges(const Graph& graph, const records::StatisticsData& statistics,
               const QuantizeOptions& options, RangeSetter& ranges, Plan& plan)
      : graph_(graph),
        options_(options),
        plan_(plan),
        ranges_(ranges),
        terms_(graph, statistics, options, plan) {}

  // Gives a quantizer of the plan its range, and rounds its weight where a scale was searched.
  void find(Quantizer& q);

 private:
  bool halved(const Quantizer& q);
  const std::map<NodeId, bool>& first_layers();
  void search_scale(Quantizer& q, std::vector<float> values, const Shape& shape);

  const Graph& graph_;
  const QuantizeOptions& options_;
  Plan& plan_;
  RangeSetter& ranges_;
  const WeightTerms terms_;
  std::optional<std::map<NodeId, bool>> first_layers_;
};

}  // namespace eightbit::algorithms
