// Hard swish and swish in ops that have integer kernels.
#pragma once

#include <string>
#include <vector>

#include "backends/onnx/proto/copy.h"

namespace eightbit::onnx {

// Names of a block's tensors, and how its channels are scaled.
struct HardSwish {
  std::string input;           // behind a DequantizeLinear: factor[c] * x
  std::vector<float> factor;   // at least 1; one, or one a channel of axis 1
  float outer = 1, shift = 0;  // outer * hard_swish(x) + shift is asked for
  // What will be read of it is rounded to a range of that, times the factors.
  float low = 0, high = 0;
  std::string name;     // begins the names of all nodes
  bool smooth = false;  // swish: its gate is sigmoid(x)
};

// Returns the tensor that holds factor[c] * (outer * hard_swish(x) + shift): a gate relu6(x + 3) /
// 6 in 8 bits, which saturation clips, or sigmoid(x), and a product; then a sum where the shift
// counts.
std::string add_hard_swish(Copy& copy, const HardSwish& block);

}  // namespace eightbit::onnx
