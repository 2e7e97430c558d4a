// Element types, shapes and tensors, from ONNX's form to ours and back.
#pragma once

#include <eightbit/model.h>
#include <eightbit/tensor.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

DType to_dtype(int32_t data_type);  // DType::undefined for types that we do not have
int32_t to_data_type(DType dtype);  // throws Unsupported where there is none

// Bytes that the values of a tensor take. Throws ModelError for an impossible shape or an element
// type without size.
size_t checked_byte_size(const TensorProto& proto);

// Checks that sizes agree and throws ModelError naming the tensor. The bytes of raw data are shared
// with `owner`, values in typed fields are converted.
Tensor to_tensor(const TensorProto& proto, std::shared_ptr<const void> owner);
// Type, shape and name; the bytes too with `with_data`.
TensorProto to_proto(const std::string& name, const Tensor& tensor, bool with_data);

// Says that the values are in Content::weights.
void mark_set_aside(TensorProto& proto);

// Element type and shape of a tensor as far as they are known.
struct TensorType {
  DType dtype = DType::undefined;
  Shape shape;
  bool rank_known = false;
};
using TensorTypes = std::unordered_map<std::string, TensorType>;

TensorType to_type(const TypeProto& type);
PortInfo to_port(const ValueInfoProto& value);

}  // namespace eightbit::onnx
