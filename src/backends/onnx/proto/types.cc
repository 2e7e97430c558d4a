#include "backends/onnx/proto/types.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace eightbit::onnx {
namespace {

struct TypePair {
  DType dtype;
  int32_t data_type;
};
constexpr TypePair kTypes[] = {
    {DType::boolean, TensorProto::BOOL},      {DType::i4, TensorProto::INT4},
    {DType::u4, TensorProto::UINT4},          {DType::i8, TensorProto::INT8},
    {DType::u8, TensorProto::UINT8},          {DType::i16, TensorProto::INT16},
    {DType::u16, TensorProto::UINT16},        {DType::i32, TensorProto::INT32},
    {DType::u32, TensorProto::UINT32},        {DType::i64, TensorProto::INT64},
    {DType::u64, TensorProto::UINT64},        {DType::f8e4m3, TensorProto::FLOAT8E4M3FN},
    {DType::f8e5m2, TensorProto::FLOAT8E5M2}, {DType::bf16, TensorProto::BFLOAT16},
    {DType::f16, TensorProto::FLOAT16},       {DType::f32, TensorProto::FLOAT},
    {DType::f64, TensorProto::DOUBLE},        {DType::string, TensorProto::STRING},
};

Shape shape_of(const TensorProto& proto) {
  Shape shape(proto.dims().begin(), proto.dims().end());
  int64_t count = 1;
  for (int64_t extent : shape) {
    constexpr int64_t kMost = int64_t{1} << 40;
    if (extent < 0 || (extent > 0 && count > kMost / extent))
      fail<ModelError>("onnx", "tensor '{}' has the impossible shape {}. Export the model again",
                       proto.name(), to_string(shape));
    count *= extent;
  }
  return shape;
}

Tensor header_of(const TensorProto& proto) {
  Tensor tensor{to_dtype(proto.data_type()), shape_of(proto), nullptr, nullptr};
  if (bits_of(tensor.dtype) == 0)
    fail<Unsupported>("onnx",
                      "the values of tensor '{}' have the element type {}, which cannot be read",
                      proto.name(), proto.data_type());
  return tensor;
}

template <typename Stored, typename Values>
void narrow(const Values& values, Tensor& tensor) {
  auto* out = reinterpret_cast<Stored*>(tensor.mutable_data());
  for (const auto value : values) *out++ = static_cast<Stored>(value);
}

// How many entries of the typed field the tensor takes: packed 4-bit values come two at a time.
size_t typed_count(const Tensor& tensor) {
  return bits_of(tensor.dtype) < 8 ? tensor.byte_size()
                                   : static_cast<size_t>(element_count(tensor.shape));
}

template <typename Stored, typename Values>
void take(const TensorProto& proto, const Values& values, Tensor& tensor) {
  if (static_cast<size_t>(values.size()) != typed_count(tensor))
    fail<ModelError>("onnx", "tensor '{}' of shape {} holds {} values. Export the model again",
                     proto.name(), to_string(tensor.shape), values.size());
  narrow<Stored>(values, tensor);
}

void take_typed(const TensorProto& proto, Tensor& tensor) {
  switch (proto.data_type()) {
    case TensorProto::FLOAT:
      return take<float>(proto, proto.float_data(), tensor);
    case TensorProto::DOUBLE:
      return take<double>(proto, proto.double_data(), tensor);
    case TensorProto::INT64:
      return take<int64_t>(proto, proto.int64_data(), tensor);
    case TensorProto::UINT64:
      return take<uint64_t>(proto, proto.uint64_data(), tensor);
    case TensorProto::UINT32:
      return take<uint32_t>(proto, proto.uint64_data(), tensor);
    case TensorProto::INT32:
      return take<int32_t>(proto, proto.int32_data(), tensor);
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return take<uint16_t>(proto, proto.int32_data(), tensor);
    default:
      return take<uint8_t>(proto, proto.int32_data(), tensor);
  }
}

}  // namespace

DType to_dtype(int32_t data_type) {
  const auto it = std::ranges::find(kTypes, data_type, &TypePair::data_type);
  return it == std::end(kTypes) ? DType::undefined : it->dtype;
}

int32_t to_data_type(DType dtype) {
  const auto it = std::ranges::find(kTypes, dtype, &TypePair::dtype);
  if (it == std::end(kTypes))
    fail<Unsupported>("onnx", "ONNX has no element type for '{}'", to_string(dtype));
  return it->data_type;
}

size_t checked_byte_size(const TensorProto& proto) { return header_of(proto).byte_size(); }

Tensor to_tensor(const TensorProto& proto, std::shared_ptr<const void> owner) {
  Tensor tensor = header_of(proto);
  if (!proto.has_raw_data()) {
    tensor = Tensor::allocate(tensor.dtype, tensor.shape);
    take_typed(proto, tensor);
    return tensor;
  }
  const std::string& raw = proto.raw_data();
  if (raw.size() != tensor.byte_size())
    fail<ModelError>("onnx",
                     "tensor '{}' of shape {} holds {} bytes instead of {}. Export the model again",
                     proto.name(), to_string(tensor.shape), raw.size(), tensor.byte_size());
  tensor.data = reinterpret_cast<const std::byte*>(raw.data());
  tensor.owner = std::move(owner);
  return tensor;
}

TensorProto to_proto(const std::string& name, const Tensor& tensor, bool with_data) {
  TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(to_data_type(tensor.dtype));
  proto.mutable_dims()->Assign(tensor.shape.begin(), tensor.shape.end());
  if (with_data) proto.set_raw_data(reinterpret_cast<const char*>(tensor.data), tensor.byte_size());
  return proto;
}

void mark_set_aside(TensorProto& proto) {
  proto.set_data_location(TensorProto::EXTERNAL);
  auto& location = *proto.add_external_data();
  location.set_key("location");
  location.set_value(kSetAside);
}

TensorType to_type(const TypeProto& type) {
  TensorType out;
  if (!type.has_tensor_type()) return out;
  out.dtype = to_dtype(type.tensor_type().elem_type());
  out.rank_known = type.tensor_type().has_shape();
  for (const auto& dimension : type.tensor_type().shape().dim())
    out.shape.push_back(
        dimension.has_dim_value() && dimension.dim_value() >= 0 ? dimension.dim_value() : -1);
  return out;
}

PortInfo to_port(const ValueInfoProto& value) {
  TensorType type = to_type(value.type());
  return {value.name(), type.dtype, std::move(type.shape)};
}

}  // namespace eightbit::onnx
