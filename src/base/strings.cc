#include <eightbit/strings.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace eightbit {
namespace {

constexpr size_t kLength = sizeof(uint32_t);

size_t width_of(const Tensor& tensor) { return static_cast<size_t>(tensor.shape.back()); }

uint32_t length_at(const std::byte* row) {
  uint32_t length = 0;
  std::memcpy(&length, row, kLength);
  return length;
}

}  // namespace

Tensor from_strings(std::span<const std::string> values, const Shape& shape) {
  EIGHTBIT_CHECK(static_cast<int64_t>(values.size()) == element_count(shape),
                 "{} strings of shape {}", values.size(), to_string(shape));
  size_t longest = 0;
  for (const std::string& value : values) longest = std::max(longest, value.size());
  Shape rows = shape;
  rows.push_back(static_cast<int64_t>(kLength + longest));
  Tensor tensor = Tensor::allocate(DType::u8, std::move(rows));
  std::byte* row = tensor.mutable_data();
  for (const std::string& value : values) {
    const auto length = static_cast<uint32_t>(value.size());
    std::memcpy(row, &length, kLength);
    std::memcpy(row + kLength, value.data(), value.size());
    row += kLength + longest;
  }
  return tensor;
}

bool holds_strings(const Tensor& tensor) {
  if (tensor.dtype != DType::u8 || tensor.shape.empty() || width_of(tensor) < kLength) return false;
  const size_t width = width_of(tensor);
  for (size_t at = 0; at < tensor.byte_size(); at += width)
    if (length_at(tensor.data + at) > width - kLength) return false;
  return true;
}

std::vector<std::string> to_strings(const Tensor& tensor) {
  std::vector<std::string> values;
  if (!holds_strings(tensor)) return values;
  for (size_t at = 0; at < tensor.byte_size(); at += width_of(tensor)) {
    const std::byte* row = tensor.data + at;
    values.emplace_back(reinterpret_cast<const char*>(row + kLength), length_at(row));
  }
  return values;
}

}  // namespace eightbit
