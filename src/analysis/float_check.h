// The float model by itself: whether its outputs can be trusted as a reference.
#pragma once

#include <eightbit/model.h>
#include <eightbit/report.h>

#include <vector>

namespace eightbit {

using Outputs = std::vector<std::vector<Tensor>>;  // by sample, in the model's order

// NaN or infinity, outputs that are one number, outputs that are the same for every sample.
FloatCheck check_float_model(const std::vector<PortInfo>& ports, const Outputs& outputs);

// Share of samples whose largest element is at the same place; nothing unless each has one float
// output of 2 numbers or more.
std::optional<double> agreement_of(const Outputs& reference, const Outputs& quantized);

}  // namespace eightbit
