// One range in the place of one for each channel, for runtimes whose integer kernels take a single
// scale.
#pragma once

#include "quant/plan.h"

namespace eightbit {

// The quantizer with one range that holds those of all its channels, moved so that zero is one of
// its levels. Rounding errors grow with the square of the step: where they would become more than 5
// times as large on average, and for weights and more than 256 levels, the quantizer as it is.
Quantizer with_one_range(const Quantizer& quantizer);

}  // namespace eightbit
