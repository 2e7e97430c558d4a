// Hard swish, or swish, between two quantizers, behind a convolution: what a runtime whose kernels
// do not end in it can compute in integers as one piece. Numbers that multiply or add stand before
// and behind it. And the same without hard swish, where a depthwise convolution reads a convolution
// through a quantizer with a range for each channel, perhaps behind Relu or Clip.
#pragma once

#include <vector>

#include "quant/plan.h"

namespace eightbit {

// factor * x + shift; the factor is positive.
struct Numbers {
  float factor = 1, shift = 0;
};

struct HardSwishBlock {
  // the convolution; its weight and bias are constants that nothing else reads
  NodeId layer = kNone;
  Numbers before, behind;     // hard swish reads before(layer), and behind(hard swish) is read
  NodeId activation = kNone;  // kNone: there is no hard swish, and both quantizers are one
  NodeId clip = kNone;        // then: the activation that clips at 0, which the quantizer replaces
  // indices of Plan::quantizers: in front of hard swish, and of what is read
  size_t input = 0, output = 0;
};

std::vector<HardSwishBlock> hard_swish_blocks(const Graph& graph, const Plan& plan);

// Whether the ranges of all channels have one zero point.
bool shares_zero_point(const Quantizer& quantizer);

// By output channel, what `layer` is multiplied by so that a quantizer with a range for each
// channel, all with one zero point, becomes one with a single scale; one number where it has one.
// At least 1.
std::vector<float> channel_factors(const Quantizer& quantizer);

// The plan for a network whose layers yield channel_factors() times what the quantizer in front of
// hard swish is planned for: numbers in front, and factors, become part of the layer; the layers
// behind take the factors back. Quantizers of the blocks then have one range, which for `output`
// stands for factor * x.
Plan with_scaled_blocks(const Graph& graph, const Plan& plan,
                        const std::vector<HardSwishBlock>& blocks);

}  // namespace eightbit
