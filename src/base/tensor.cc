#include <eightbit/tensor.h>
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace eightbit {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t bits;
};
constexpr DTypeRow kDTypes[] = {
    {DType::undefined, "undefined", 0},
    {DType::boolean, "bool", 8},
    {DType::i4, "i4", 4},
    {DType::u4, "u4", 4},
    {DType::i8, "i8", 8},
    {DType::u8, "u8", 8},
    {DType::i16, "i16", 16},
    {DType::u16, "u16", 16},
    {DType::i32, "i32", 32},
    {DType::u32, "u32", 32},
    {DType::i64, "i64", 64},
    {DType::u64, "u64", 64},
    {DType::f8e4m3, "f8e4m3", 8},
    {DType::f8e5m2, "f8e5m2", 8},
    {DType::bf16, "bf16", 16},
    {DType::f16, "f16", 16},
    {DType::f32, "f32", 32},
    {DType::f64, "f64", 64},
    {DType::string, "string", 0},
};

float half_to_float(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16;
  uint32_t exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

template <typename T>
void widen(const Tensor& tensor, std::vector<float>& out) {
  const auto values = tensor.as<T>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(values[i]);
}

}  // namespace

std::string_view to_string(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].name; }
size_t bits_of(DType dtype) { return kDTypes[static_cast<size_t>(dtype)].bits; }
bool is_float(DType dtype) {
  return dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64;
}
bool is_integer(DType dtype) { return dtype >= DType::boolean && dtype <= DType::u64; }

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) out += ",";
    out += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return out + "]";
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t d : shape) {
    if (d < 0) fail<InvalidArgument>("tensor", "shape {} is not fully known", to_string(shape));
    if (d != 0 && count > INT64_MAX / 16 / d)
      fail<InvalidArgument>("tensor", "shape {} is too large", to_string(shape));
    count *= d;
  }
  return count;
}

size_t Tensor::byte_size() const {
  return (static_cast<size_t>(element_count(shape)) * bits_of(dtype) + 7) / 8;
}

Tensor Tensor::allocate(DType dtype, Shape shape) {
  Tensor tensor{dtype, std::move(shape), nullptr, nullptr};
  auto bytes = std::make_shared<std::vector<std::byte>>(std::max<size_t>(tensor.byte_size(), 1));
  tensor.data = bytes->data();
  tensor.owner = std::move(bytes);
  return tensor;
}

Tensor Tensor::from_floats(std::span<const float> values, Shape shape) {
  Tensor tensor = allocate(DType::f32, std::move(shape));
  EIGHTBIT_CHECK(tensor.byte_size() == values.size_bytes(), "{} values for shape {}", values.size(),
                 to_string(tensor.shape));
  if (!values.empty()) std::memcpy(tensor.mutable_data(), values.data(), values.size_bytes());
  return tensor;
}

std::vector<float> to_floats(const Tensor& tensor) {
  std::vector<float> out(static_cast<size_t>(element_count(tensor.shape)));
  switch (tensor.dtype) {
    case DType::f32:
      widen<float>(tensor, out);
      break;
    case DType::f64:
      widen<double>(tensor, out);
      break;
    case DType::i8:
      widen<int8_t>(tensor, out);
      break;
    case DType::u8:
    case DType::boolean:
      widen<uint8_t>(tensor, out);
      break;
    case DType::i16:
      widen<int16_t>(tensor, out);
      break;
    case DType::u16:
      widen<uint16_t>(tensor, out);
      break;
    case DType::i32:
      widen<int32_t>(tensor, out);
      break;
    case DType::u32:
      widen<uint32_t>(tensor, out);
      break;
    case DType::i64:
      widen<int64_t>(tensor, out);
      break;
    case DType::u64:
      widen<uint64_t>(tensor, out);
      break;
    case DType::f16: {
      const auto values = tensor.as<uint16_t>();
      for (size_t i = 0; i < out.size(); ++i) out[i] = half_to_float(values[i]);
      break;
    }
    case DType::bf16: {
      const auto values = tensor.as<uint16_t>();
      for (size_t i = 0; i < out.size(); ++i)
        out[i] = std::bit_cast<float>(uint32_t{values[i]} << 16);
      break;
    }
    default:
      fail<Unsupported>("tensor", "values of type {} cannot be read as floats",
                        to_string(tensor.dtype));
  }
  return out;
}

}  // namespace eightbit
