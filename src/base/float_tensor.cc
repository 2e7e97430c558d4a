#include "base/float_tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"

namespace eightbit {
namespace {

// IEEE 754 binary16: 5 exponent bits with bias 15, 10 mantissa bits.
uint16_t to_half(float x) {
  constexpr float kLargest = 65504.0f, kSmallestNormal = 0x1p-14f;
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  if (std::isnan(x)) return sign | 0x7e00u;
  const float magnitude = std::min(std::fabs(x), kLargest);
  if (magnitude < kSmallestNormal)  // a multiple of 2^-24
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  const uint32_t wide = std::bit_cast<uint32_t>(magnitude) - (112u << 23);
  return sign | static_cast<uint16_t>((wide + 0xfffu + (wide >> 13 & 1u)) >> 13);
}

// The upper half of an f32.
uint16_t to_bfloat(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  const bool overflows = (rounded & 0x7fffu) >= 0x7f80u;
  return static_cast<uint16_t>(overflows ? (rounded & 0x8000u) | 0x7f7fu : rounded);
}

template <typename T, typename Convert>
void fill(Tensor& tensor, std::span<const float> values, Convert convert) {
  std::ranges::transform(values, reinterpret_cast<T*>(tensor.mutable_data()), convert);
}

}  // namespace

Tensor float_tensor(DType dtype, Shape shape, std::span<const float> values) {
  if (dtype == DType::f32) return Tensor::from_floats(values, std::move(shape));
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  EIGHTBIT_CHECK(element_count(tensor.shape) == static_cast<int64_t>(values.size()),
                 "{} values for shape {}", values.size(), to_string(tensor.shape));
  switch (dtype) {
    case DType::f64:
      fill<double>(tensor, values, [](float x) { return double{x}; });
      break;
    case DType::f16:
      fill<uint16_t>(tensor, values, to_half);
      break;
    case DType::bf16:
      fill<uint16_t>(tensor, values, to_bfloat);
      break;
    default:
      EIGHTBIT_CHECK(false, "{} is no float type", to_string(dtype));
  }
  return tensor;
}

}  // namespace eightbit
