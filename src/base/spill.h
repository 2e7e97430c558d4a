// Tensors that outlive the step that makes them, such as the weights of a plan. From
// kSmallestSpilled bytes on they lie in a file without a name, which is mapped: memory then holds
// what is being worked on, however large the model is.
#pragma once

#include <eightbit/tensor.h>

#include <cstddef>
#include <span>

namespace eightbit {

inline constexpr size_t kSmallestSpilled = 256 << 10;  // a process may have 65,530 mappings

// The same tensor. Where there is no room in the folder for temporary files, it stays in memory.
Tensor spilled(const Tensor& tensor);
Tensor spilled_floats(std::span<const float> values, Shape shape);

}  // namespace eightbit
