// Element types, shapes and tensors as they cross the public API. Row-major, contiguous.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

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

std::string_view to_string(DType dtype);
bool is_float(DType dtype);    // bf16, f16, f32, f64
bool is_integer(DType dtype);  // boolean, signed and unsigned integers
size_t bits_of(DType dtype);   // 0 for string and undefined

using Shape = std::vector<int64_t>;         // -1 marks a dimension that is not known
std::string to_string(const Shape& shape);  // "[1,3,224,224]", "?" for -1
// product; throws InvalidArgument when a dimension is not known
int64_t element_count(const Shape& shape);

// A tensor. Copying is cheap: the bytes are shared and kept alive by `owner`.
struct Tensor {
  DType dtype = DType::undefined;
  Shape shape;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;

  size_t byte_size() const;
  bool empty() const { return data == nullptr; }
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data), byte_size() / sizeof(T)};
  }
  static Tensor allocate(DType dtype, Shape shape);  // zero-filled, owned
  static Tensor from_floats(std::span<const float> values, Shape shape);
  // only right after allocate()
  std::byte* mutable_data() { return const_cast<std::byte*>(data); }
};

// Converts any numeric tensor (f16, bf16, f64, integers included) to f32 values.
std::vector<float> to_floats(const Tensor& tensor);

}  // namespace eightbit
