// The scale of each output channel of a weight that rounds its values best.
//
// The error that rounded weights cause in the output of a layer is the sum over input channels of
// (w - integer * scale)^2 times how much that input varies; its mean is no matter, for bias
// correction takes care of it. Scales around the one that holds the largest weight are tried: with
// few weights a channel, as in depthwise convolutions, they differ a lot.
//
// CPUs without VNNI (or AMX) multiply u8 activations by s8 weights with vpmaddubsw: the products
// of input channels 2k and 2k+1 are added in a saturating int16. Only pairs of one sign can
// overflow: |q0| u0 + |q1| u1 > 32767. With an odd number of input channels some kernels fill up
// the last pair of a position and others go on with the next position (ONNX Runtime's with AVX2,
// oneDNN's with AVX-512 and one channel), so any two neighbours may be a pair. Instead of halving
// a whole range, a channel's scale is widened, and single pairs are pulled in, as little as the
// error demands. Depthwise convolutions have no pairs.
#pragma once

#include <eightbit/options.h>

#include <span>
#include <vector>

#include "algorithms/output_channels.h"
#include "graph/graph.h"

namespace eightbit::algorithms {

struct FitTerms {
  float top = 127;  // integers within +-top
  // Largest integer (zero point shifted to unsigned) that each input channel can have; one for all
  // where of size 1; 255 where empty. 0 lifts the limit on pairs.
  std::vector<float> largest_input;
  // How much each input channel varies; empty: all the same.
  std::vector<float> importance;
};

// Writes the weights to be stored into `values` and returns the scales: weight = integer * scale.
std::vector<float> fit_weights(std::span<float> values, const Shape& shape, const WeightAxes& axes,
                               const FitTerms& terms);

}  // namespace eightbit::algorithms
