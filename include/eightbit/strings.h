// Strings as they cross the API in samples.
#pragma once

#include <eightbit/tensor.h>

#include <span>
#include <string>
#include <vector>

namespace eightbit {

// A tensor of u8 with one axis more than `shape`: of each string its length (u32 in the byte order
// of the machine) and its bytes, and zeros up to the longest one. Items of a batch lie along axis 0
// as in any tensor.
Tensor from_strings(std::span<const std::string> values, const Shape& shape);

// The strings again, in row-major order; nothing where the tensor holds none.
std::vector<std::string> to_strings(const Tensor& tensor);
bool holds_strings(const Tensor& tensor);

}  // namespace eightbit
