// Rounds weights so that what one loses, others of the same output make good.
//
// Needs:   a plan with all ranges.
// Records: second moments of what each weight meets, over the kept samples.
// Does:    for each quantized convolution and product with a scale for each output: takes the weights of an output in
//          turn and adds to each what the ones before it have missed, as far as their inputs vary together.
// Source:  Frantar et al., GPTQ, arXiv 2210.17323; quant/nearest_plane.h. Only the variance counts, for the mean is left
//          to bias correction; rounding noise of the layer's own input quantizer is part of it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <eightbit/options.h>

#include "algorithms/weight_terms.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/second_moments.h"
#include "records/statistics_data.h"
#include "records/tap.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

// The ranges of what weights meet.
void weight_rounding_request(const Graph& graph, const Plan& plan, records::TapRequest& taps);

class WeightRounding {
 public:
  // Finds the layers. Those whose weights meet more than 2,048 values at once, transposed convolutions and recurrent
  // layers stay as they are. `samples`: how many will be run.
  WeightRounding(const Graph& graph, const records::StatisticsData& statistics, const QuantizeOptions& options,
                 bool pairs_cross_positions, const Plan& plan, int64_t samples);

  // What is to be measured on the float model.
  const std::vector<Tap>& taps() const { return taps_; }

  // Rounds, once all samples have been run. Returns the number of weights.
  int64_t apply(Plan& plan) const;

 private:
  struct Layer {
    size_t quantizer = 0;               // of the plan
    Use use;
    WeightAxes axes;
    size_t tap = 0;
  };

  void find(size_t quantizer, const Plan& plan, int64_t samples);
  size_t tap_for(ValueId value, int64_t axis, const Patches& patches, const Plan& plan, int64_t samples);
  std::vector<float> factors(const Layer& layer, const Plan& plan) const;
  std::vector<double> input_noise(const Layer& layer, const Plan& plan) const;
  Tensor rounded(const Layer& layer, const Plan& plan) const;

  const Graph& graph_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  const bool crossing_;
  std::vector<Layer> layers_;
  std::vector<Tap> taps_;
  std::vector<Patches> patches_;        // of each tap
};

}  // namespace eightbit::algorithms
