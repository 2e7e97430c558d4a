// Quantizers of one value that turned out the same become one: products that read one value share
// its quantization.
#pragma once

#include "quant/plan.h"

namespace eightbit::algorithms {

void share_equal_quantizers(Plan& plan);

}  // namespace eightbit::algorithms
