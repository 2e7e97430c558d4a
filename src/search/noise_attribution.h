// Which quantizers the noise at the outputs comes from.
//
// Needs:   the noise of a few samples at values of the quantized network, once as it is (all
//          quantizers on), once with every quantizer reading the float network's values, so that
//          each layer adds its own noise and inherits none, and, where biases are corrected, once
//          more with all quantizers on and without the corrections.
// Does:    walks back from the outputs. What reaches a layer's output is its own share (its noise
//          alone over that of all, neither of them corrected: in front of a ReLU a correction may
//          move what nobody sees further than the noise) and inherited from its inputs, in
//          proportion to their noise: in absolute terms where inputs are added or joined, relative
//          to their signals where they are multiplied.
// Source:  noise of independent quantizers adds up in energy (Widrow and Kollar, Quantization
//          Noise, 2008, ch. 4); the walk is
//          that of layer-wise relevance propagation (Bach et al., PLoS ONE 10(7), 2015) with noise
//          in the place of relevance.
#pragma once

#include <map>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "search/quantizer_groups.h"

namespace eightbit::search {

struct Energies {
  double signal = 0, noise = 0;  // sums of squares
};
using NoiseByValue = std::map<ValueId, Energies>;

// The values whose noise is needed: as it is, and alone (and, where biases are corrected, without
// the corrections).
std::vector<ValueId> values_with_noise(const Graph& graph, const Plan& plan);
std::vector<ValueId> values_with_own_noise(const Graph& graph, const Plan& plan);

// What the model's outputs in floats read.
std::vector<ValueId> noisy_outputs(const Graph& graph);

// By group: its share of the noise over signal of the outputs (averaged over outputs). Adds up to 1
// where all is explained. `uncorrected`: `as_it_is` where no bias is corrected.
std::vector<double> attribute_noise(const Graph& graph, const Plan& plan,
                                    const std::vector<QuantizerGroup>& groups,
                                    const NoiseByValue& as_it_is, const NoiseByValue& alone,
                                    const NoiseByValue& uncorrected);

// The loudest groups, in order of their numbers: the noise of all others together is negligible at
// each output. `noise`: by group and output, over its signal.
std::vector<size_t> telling_groups(const std::vector<std::vector<double>>& noise,
                                   double negligible);

}  // namespace eightbit::search
