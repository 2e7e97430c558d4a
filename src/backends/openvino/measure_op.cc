#include "backends/openvino/measure_op.h"

#include <algorithm>

#include "base/error.h"
#include "records/tensor_record.h"

namespace eightbit::openvino {
namespace {

// The plugin narrows i64 to i32.
size_t first_entry(const ov::Tensor& shape) {
  if (shape.get_element_type() == ov::element::i32)
    return static_cast<size_t>(shape.data<const int32_t>()[0]);
  return static_cast<size_t>(shape.data<const int64_t>()[0]);
}

}  // namespace

ReduceOp::ReduceOp(const ov::OutputVector& inputs, Tap tap, std::shared_ptr<HistogramSink> sink,
                   int64_t id)
    : Op(inputs), tap_(std::move(tap)), sink_(std::move(sink)), id_(id) {
  constructor_validate_and_infer_types();
}

void ReduceOp::validate_and_infer_types() {
  const ov::Dimension batch = get_input_size() == 1 ? ov::Dimension(1) : ov::Dimension::dynamic();
  set_output_type(0, ov::element::f32, {batch, tap_.record_size()});
}

std::shared_ptr<ov::Node> ReduceOp::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<ReduceOp>(inputs, tap_, sink_, id_);
}

bool ReduceOp::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

bool ReduceOp::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const size_t batch = inputs.size() == 1 ? 1 : first_entry(inputs[1]);
  const auto size = static_cast<size_t>(tap_.record_size());
  outputs[0].set_shape({batch, size});
  const ov::Shape& shape = inputs[0].get_shape();
  const std::vector<int64_t> dimensions(shape.begin(), shape.end());
  record_tensor(tap_, inputs[0].data<const float>(), dimensions, static_cast<int64_t>(batch),
                {outputs[0].data<float>(), batch * size}, sink_.get());
  return true;
}

DifferenceOp::DifferenceOp(const ov::OutputVector& inputs, int64_t axis, int64_t size, int64_t id)
    : Op(inputs), axis_(axis), size_(size), id_(id) {
  constructor_validate_and_infer_types();
}

bool DifferenceOp::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

void DifferenceOp::validate_and_infer_types() {
  set_output_type(0, ov::element::f32, ov::PartialShape{1, size_});
}

std::shared_ptr<ov::Node> DifferenceOp::clone_with_new_inputs(
    const ov::OutputVector& inputs) const {
  return std::make_shared<DifferenceOp>(inputs, axis_, size_, id_);
}

bool DifferenceOp::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  EIGHTBIT_CHECK(inputs[0].get_size() == inputs[1].get_size(),
                 "compared tensors of {} and {} elements", inputs[0].get_size(),
                 inputs[1].get_size());
  const auto size = static_cast<size_t>(size_);
  outputs[0].set_shape({1, size});
  const std::span<float> record(outputs[0].data<float>(), size);
  std::ranges::fill(record, 0.0f);
  const ov::Shape& shape = inputs[0].get_shape();
  const std::vector<int64_t> dimensions(shape.begin(), shape.end());
  if (inputs[0].get_size() > 0)
    record_difference(inputs[0].data<const float>(), inputs[1].data<const float>(), dimensions,
                      axis_, record);
  return true;
}

}  // namespace eightbit::openvino
