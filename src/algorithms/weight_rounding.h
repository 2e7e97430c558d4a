// Weight rounding (GPTQ): chooses the levels of all weights of an output together, so that the
// error of one is compensated by those that are rounded after it.
//
// Needs:   a plan with all ranges.
// Records: second moments of what each weight meets, over the kept samples.
// Does:    for each quantized convolution and product with a scale for each output: takes the
//          weights of an output in turn and adds to each what the ones before it have missed, as
//          far as their inputs vary together.
// Source:  Frantar et al., GPTQ, arXiv 2210.17323; algorithms/nearest_plane.h. Inputs are taken
//          as their quantizers leave them. Only the variance counts, for the mean is left to the
//          bias.
#pragma once

#include <eightbit/options.h>

#include <map>
#include <memory>
#include <vector>

#include "algorithms/algorithm.h"
#include "algorithms/weight_terms.h"
#include "graph/graph.h"
#include "quant/plan.h"
#include "records/second_moments.h"
#include "records/statistics_data.h"
#include "records/tap.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

// Samples that are run; and where rounding was asked for, or more time may be taken.
inline constexpr int64_t kRoundingSamples = 16, kCarefulRoundingSamples = 32;

extern const Algorithm kWeightRounding;

// Whether all layers are rounded: where that was asked for, or more time may be taken.
bool rounds_thoroughly(const QuantizeOptions& options);

// The ranges of what weights meet.
void weight_rounding_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                             records::TapRequest& taps);

class WeightRounding {
 public:
  // Finds the layers: where it is not asked for (options), convolutions whose weights meet at most
  // 800 values at once, for there it costs little and gains most; else all with at most 2,048.
  // Transposed convolutions and recurrent layers stay as they are. `samples`: how many will be run.
  WeightRounding(const Graph& graph, const records::StatisticsData& statistics,
                 const QuantizeOptions& options, const Plan& plan, int64_t samples);

  bool empty() const { return layers_.empty(); }
  // Taps that are gathered together, so that their moments take no more than `most_bytes`; where
  // one takes more, it is alone. 0: all at once.
  std::vector<std::vector<size_t>> turns(int64_t most_bytes) const;
  // What is to be gathered on the float model: the values of all taps, the moments of these. So
  // the same program computes every turn.
  std::vector<Tap> taps(const std::vector<size_t>& turn) const;
  // Rounds what these taps belong to, once all samples have been run, and lets the moments go.
  void round(const std::vector<size_t>& turn, const Plan& plan);

  // Puts the rounded weights into the plan. Returns their number.
  int64_t apply(Plan& plan);

 private:
  struct Layer {
    size_t quantizer = 0;  // of the plan
    Use use;
    WeightAxes axes;
    size_t tap = 0;
    Tensor rounded{};
  };

  // of what a layer reads, in units of the value before smoothing
  struct Levels {
    std::vector<float> low, high;  // by channel
    int levels = 255;
    bool operator==(const Levels&) const = default;
  };

  void find(size_t quantizer, const Plan& plan, int64_t samples);
  size_t tap_for(Use input, int64_t axis, const Patches& patches, const Plan& plan,
                 int64_t samples);
  Levels levels_of(Use input, size_t channels, const Plan& plan) const;
  std::vector<float> factors(const Layer& layer, const Plan& plan) const;
  Tensor rounded(const Layer& layer, const Plan& plan) const;

  const Graph& graph_;
  const records::StatisticsData& statistics_;
  const QuantizeOptions& options_;
  std::vector<Layer> layers_;
  std::vector<Tap> taps_;
  std::vector<Patches> patches_;  // of each tap
  std::vector<Levels> levels_;
};

}  // namespace eightbit::algorithms
