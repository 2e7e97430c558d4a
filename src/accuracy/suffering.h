// Which items of a validation suffered from quantization.
#pragma once

#include <eightbit/accuracy_control.h>

#include <cstdint>
#include <vector>

namespace eightbit::accuracy {

// The `count` items that lost most, in the order of their numbers: by their values, or by the error
// of the outputs over their signal, averaged over outputs. Empty where the evaluations do not tell.
std::vector<int64_t> worst_items(const Evaluation& reference, const Evaluation& quantized,
                                 int64_t count);

// What the metric lost. `relative`: as a share of the float one's.
double drop_of(double reference, double metric, DropType type);

}  // namespace eightbit::accuracy
