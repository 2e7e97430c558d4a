// Zero points that no kernel need know of.
#pragma once

#include <openvino/core/model.hpp>
#include <string_view>

namespace eightbit::openvino {

// Ends the name of what fold_zero_points() puts behind a layer: an Add that counts as part of the
// layer when the model is read.
inline constexpr std::string_view kZeroPointSuffix = "/zero_point";

// Makes the range of a quantizer that only unpadded convolutions and products with weights read
// begin at 0. The layers read x - low instead of x, which integers hold without a zero point, and
// what follows from it is added behind them:
//   sum_k w[k] * x[k] = sum_k w[k] * (x[k] - low) + low * sum_k w[k]
// with the weights as they are stored. The integers stay the same. Kernels with a zero point take
// 1.1 to 2 times as long on CPUs with AMX (docs/runtime_faults.md); elsewhere nothing changes.
void fold_zero_points(ov::Model& model);

}  // namespace eightbit::openvino
