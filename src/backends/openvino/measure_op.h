// Ops of our own inside an OpenVINO graph: they reduce a tensor to its record where it appears, so
// that raw activations never leave the runtime. The CPU plugin runs them through evaluate().
#pragma once

#include <memory>
#include <openvino/op/op.hpp>
#include <vector>

#include "records/tap.h"
#include "records/tensor_record.h"

namespace eightbit::openvino {

// Input 0: the tensor, f32. Input 1: the shape of a model input, i64 or i32 (its first entry is the
// batch); absent where the batch is 1. Output: the records, f32 [batch, record_size].
// The tensor is split along axis 0 when that has the size of the batch; otherwise it counts as a
// whole for each item.
class ReduceOp : public ov::op::Op {
 public:
  OPENVINO_OP("Reduce", "eightbit");
  ReduceOp() = default;
  // `id`: differs between taps, so that no optimization takes two for one.
  ReduceOp(const ov::OutputVector& inputs, Tap tap, std::shared_ptr<HistogramSink> sink,
           int64_t id);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;
  bool has_evaluate() const override { return true; }
  bool visit_attributes(ov::AttributeVisitor& visitor) override;

 private:
  Tap tap_;
  std::shared_ptr<HistogramSink> sink_;
  int64_t id_ = 0;
};

// Inputs: reference and other, f32, same shape. Output: the record of a comparison
// (backends::Comparison), f32 [1, size]. Zeros where the tensors are empty.
class DifferenceOp : public ov::op::Op {
 public:
  OPENVINO_OP("Difference", "eightbit");
  DifferenceOp() = default;
  DifferenceOp(const ov::OutputVector& inputs, int64_t axis, int64_t size, int64_t id);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;
  bool has_evaluate() const override { return true; }
  bool visit_attributes(ov::AttributeVisitor& visitor) override;

 private:
  int64_t axis_ = kNone, size_ = 4, id_ = 0;
};

}  // namespace eightbit::openvino
