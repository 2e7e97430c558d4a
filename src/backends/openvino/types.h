// Element types, shapes and tensors, from OpenVINO's form to ours and back.
#pragma once

#include <eightbit/model.h>
#include <eightbit/tensor.h>

#include <openvino/core/node.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/runtime/tensor.hpp>

namespace eightbit::openvino {

// DType::undefined for types that we do not have (nf4, u1, ...).
DType to_dtype(const ov::element::Type& type);
ov::element::Type to_element(DType dtype);  // throws Unsupported where there is none

// -1 for a dimension that is not known; {} for an unknown rank.
Shape to_shape(const ov::PartialShape& shape);
ov::Shape to_ov_shape(const Shape& shape);  // throws InvalidArgument when a dimension is not known

// Share the bytes: the result keeps what it came from alive.
Tensor share(const std::shared_ptr<ov::op::v0::Constant>& constant);
Tensor share(const ov::Tensor& tensor);
// Of what a request will use again.
Tensor copy_of(const ov::Tensor& tensor);
std::shared_ptr<ov::op::v0::Constant> as_constant(const Tensor& tensor);
// Shares the bytes, which must outlive the result.
ov::Tensor borrow(const Tensor& tensor);

// A constant of float type `type` from f32 values; values beyond the type's range are clipped to
// it.
std::shared_ptr<ov::op::v0::Constant> float_constant(const ov::element::Type& type,
                                                     const ov::Shape& shape,
                                                     std::span<const float> values);
// The largest finite value of a float type.
float largest(const ov::element::Type& type);

// Name, element type and shape of a model's port.
PortInfo port_info(const ov::Output<const ov::Node>& port, const std::string& fallback_name);

}  // namespace eightbit::openvino
