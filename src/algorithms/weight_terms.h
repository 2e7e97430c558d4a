// What the weights of a layer meet: how much each input varies, how large its integers get, and
// whether pairs of products can overflow on this target.
#pragma once

#include <eightbit/options.h>

#include <optional>

#include "algorithms/weight_fit.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit::algorithms {

class WeightTerms {
 public:
  // The ranges of `plan` are read when they are asked for.
  WeightTerms(const Graph& graph, const records::StatisticsData& statistics,
              const QuantizeOptions& options, const Plan& plan)
      : graph_(graph), statistics_(statistics), options_(options), plan_(plan) {}

  // How overflow is dealt with: as asked; halved first layers where recipe nncf is silent; unset:
  // by the pairs.
  std::optional<OverflowFix> fix() const;
  // Recipe eightbit looks for the scale of each output channel that rounds its weights best.
  bool searches_scale(const Quantizer& weight) const;
  bool overflows(const Quantizer& weight) const;

  // The reader that multiplies by a weight: a table may also be looked up.
  std::optional<Use> product_of(const Quantizer& weight) const;
  // The quantizer of the activation that meets a weight, where it has one range.
  const Quantizer* input_of(const Quantizer& weight) const;
  // Integers of the weight lie within +-top.
  FitTerms of(const Quantizer& weight, const Shape& shape, const WeightAxes& axes, float top) const;

 private:
  const Graph& graph_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const Plan& plan_;
};

}  // namespace eightbit::algorithms
