// Keeps sums of two neighbouring products inside int16, where the target adds them there.
//
// CPUs without VNNI (or AMX) multiply u8 activations by s8 weights with vpmaddubsw: the products of input channels 2k
// and 2k+1 are added in a saturating int16. Only pairs of one sign can overflow: |q0| u0 + |q1| u1 > 32767. Instead of
// halving a whole range, a channel's scale is widened, and single pairs are pulled in, as little as the squared error
// demands. Depthwise convolutions have no pairs.
#pragma once

#include <span>
#include <vector>

#include <eightbit/options.h>

#include "graph/graph.h"

namespace eightbit::algorithms {

// True when this processor adds pairs of products in int16.
bool processor_overflows();

// How pairs lie in a weight: elements `step` apart along the input axis of `inputs` channels.
struct PairLayout {
  std::vector<int64_t> output_axes;
  int64_t input_axis = kNone;
};

struct PairLimits {
  // Largest integer (zero point shifted to unsigned) that each input channel can have; one for all where of size 1.
  std::vector<float> largest_input;
  // Weight of each input channel's squared error; empty: all the same.
  std::vector<float> importance;
};

// Finds for each output channel the scale with the least squared error among those that keep all pairs within limits,
// pulling single pairs in where that costs less. Writes the weights to be stored into `values` and returns the scales:
// weight = integer * scale, integers within +-127.
std::vector<float> fit_pairs(std::span<float> values, const Shape& shape, const PairLayout& layout,
                             const PairLimits& limits);

}  // namespace eightbit::algorithms
