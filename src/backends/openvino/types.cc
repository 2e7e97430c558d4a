#include "backends/openvino/types.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace eightbit::openvino {
namespace {

struct TypePair {
  DType dtype;
  ov::element::Type_t element;
};
constexpr TypePair kTypes[] = {
    {DType::boolean, ov::element::Type_t::boolean}, {DType::i4, ov::element::Type_t::i4},
    {DType::u4, ov::element::Type_t::u4},           {DType::i8, ov::element::Type_t::i8},
    {DType::u8, ov::element::Type_t::u8},           {DType::i16, ov::element::Type_t::i16},
    {DType::u16, ov::element::Type_t::u16},         {DType::i32, ov::element::Type_t::i32},
    {DType::u32, ov::element::Type_t::u32},         {DType::i64, ov::element::Type_t::i64},
    {DType::u64, ov::element::Type_t::u64},         {DType::f8e4m3, ov::element::Type_t::f8e4m3},
    {DType::f8e5m2, ov::element::Type_t::f8e5m2},   {DType::bf16, ov::element::Type_t::bf16},
    {DType::f16, ov::element::Type_t::f16},         {DType::f32, ov::element::Type_t::f32},
    {DType::f64, ov::element::Type_t::f64},         {DType::string, ov::element::Type_t::string},
};

Shape to_shape(const ov::Shape& shape) { return {shape.begin(), shape.end()}; }

}  // namespace

DType to_dtype(const ov::element::Type& type) {
  const auto it = std::ranges::find(kTypes, ov::element::Type_t(type), &TypePair::element);
  return it == std::end(kTypes) ? DType::undefined : it->dtype;
}

ov::element::Type to_element(DType dtype) {
  const auto it = std::ranges::find(kTypes, dtype, &TypePair::dtype);
  if (it == std::end(kTypes))
    fail<Unsupported>("openvino", "OpenVINO has no element type for '{}'", to_string(dtype));
  return it->element;
}

Shape to_shape(const ov::PartialShape& shape) {
  Shape out;
  if (shape.rank().is_dynamic()) return out;
  for (const auto& dimension : shape)
    out.push_back(dimension.is_static() ? dimension.get_length() : -1);
  return out;
}

ov::Shape to_ov_shape(const Shape& shape) {
  element_count(shape);
  return {shape.begin(), shape.end()};
}

Tensor share(const std::shared_ptr<ov::op::v0::Constant>& constant) {
  return {to_dtype(constant->get_element_type()), to_shape(constant->get_shape()),
          static_cast<const std::byte*>(constant->get_data_ptr()), constant};
}

Tensor copy_of(const ov::Tensor& tensor) {
  ov::Tensor copy(tensor.get_element_type(), tensor.get_shape());
  tensor.copy_to(copy);
  return share(copy);
}

Tensor share(const ov::Tensor& tensor) {
  auto owner = std::make_shared<ov::Tensor>(tensor);
  const ov::Tensor& held = *owner;
  return {to_dtype(tensor.get_element_type()), to_shape(tensor.get_shape()),
          static_cast<const std::byte*>(held.data()), std::move(owner)};
}

std::shared_ptr<ov::op::v0::Constant> as_constant(const Tensor& tensor) {
  auto owner = std::make_shared<Tensor>(tensor);
  return std::make_shared<ov::op::v0::Constant>(to_element(tensor.dtype), to_ov_shape(tensor.shape),
                                                static_cast<const void*>(tensor.data),
                                                std::move(owner));
}

ov::Tensor borrow(const Tensor& tensor) {
  return {to_element(tensor.dtype), to_ov_shape(tensor.shape), const_cast<std::byte*>(tensor.data)};
}

float largest(const ov::element::Type& type) {
  if (type == ov::element::f16) return 65504.0f;
  if (type == ov::element::bf16)
    return static_cast<float>(std::numeric_limits<ov::bfloat16>::max());
  return std::numeric_limits<float>::max();
}

std::shared_ptr<ov::op::v0::Constant> float_constant(const ov::element::Type& type,
                                                     const ov::Shape& shape,
                                                     std::span<const float> values) {
  const float limit = largest(type);
  std::vector<float> clipped(values.begin(), values.end());
  for (float& value : clipped) value = std::clamp(value, -limit, limit);
  return std::make_shared<ov::op::v0::Constant>(type, shape, clipped);
}

PortInfo port_info(const ov::Output<const ov::Node>& port, const std::string& fallback_name) {
  const auto& names = port.get_names();
  const auto first = std::ranges::min_element(names);
  return {names.empty() ? fallback_name : *first, to_dtype(port.get_element_type()),
          to_shape(port.get_partial_shape())};
}

}  // namespace eightbit::openvino
