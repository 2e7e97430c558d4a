// Element types, shapes and tensors as they cross the public API. Elements lie row-major and
// contiguous, in the byte order of the machine; two elements of 4 bits share a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

// boolean takes a byte. f8e4m3 and f8e5m2 are 8-bit floats by bits of exponent and mantissa, bf16
// the upper half of an f32. `undefined` and `string` stand in descriptions of models alone: for
// strings in samples see strings.h.
enum class DType : uint8_t {
  undefined,
  boolean,
  i4,
  u4,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  f8e4m3,
  f8e5m2,
  bf16,
  f16,
  f32,
  f64,
  string
};

std::string_view to_string(DType dtype);  // "f32", "bool"
bool is_float(DType dtype);               // bf16, f16, f32, f64
bool is_integer(DType dtype);             // boolean, signed and unsigned integers
size_t bits_of(DType dtype);              // 0 for string and undefined

// Sizes of the axes, outermost first; {} is a scalar. -1 marks a dimension that is not known.
using Shape = std::vector<int64_t>;
std::string to_string(const Shape& shape);  // "[1,3,224,224]", "?" for -1
// The product of the sizes. Throws InvalidArgument when a dimension is not known.
int64_t element_count(const Shape& shape);

// A tensor. Copying is cheap: the bytes are shared and kept alive by `owner`, which may be anything
// (a mapped file, an array of Python); null where the caller keeps them alive. The library does not
// write to the bytes of a tensor that it was given.
struct Tensor {
  DType dtype = DType::undefined;
  // All sizes are known.
  Shape shape;
  // byte_size() bytes; aligned as the element type asks.
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;

  size_t byte_size() const;  // of all elements
  // Whether there is no tensor; one of no elements is not empty.
  bool empty() const { return data == nullptr; }
  // The elements as values of T, whose size is that of the type.
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data), byte_size() / sizeof(T)};
  }
  // Zeros in memory of its own. Throws InvalidArgument when a dimension is not known.
  static Tensor allocate(DType dtype, Shape shape);
  // A copy of the values, as many as the shape has, as f32.
  static Tensor from_floats(std::span<const float> values, Shape shape);
  // Only right after allocate(), while nobody else shares the bytes.
  std::byte* mutable_data() { return const_cast<std::byte*>(data); }
};

// Converts any numeric tensor (f16, bf16, f64, integers included) to f32 values, rounded to the
// nearest. Throws Unsupported for strings, FP8 and types of 4 bits.
std::vector<float> to_floats(const Tensor& tensor);

}  // namespace eightbit
