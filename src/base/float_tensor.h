// Tensors of any float type from f32 values.
#pragma once

#include <eightbit/tensor.h>

#include <span>

namespace eightbit {

// `dtype`: f64, f32, f16 or bf16. Rounds to nearest, ties to even; values beyond the type's range
// are clipped to it.
Tensor float_tensor(DType dtype, Shape shape, std::span<const float> values);

}  // namespace eightbit
