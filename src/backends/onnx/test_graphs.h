// Small ONNX models for tests, built a line a node.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/onnx/model_file.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/types.h"

namespace eightbit::onnx::test {

class TestGraph {
 public:
  explicit TestGraph(int64_t opset = 17) {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(opset);
    graph().set_name("test");
  }

  GraphProto& graph() { return *model_.mutable_graph(); }

  TestGraph& input(const std::string& name, const Shape& shape) {
    describe(*graph().add_input(), name, shape);
    return *this;
  }
  TestGraph& output(const std::string& name, const Shape& shape) {
    describe(*graph().add_output(), name, shape);
    return *this;
  }
  // Values 0.01, 0.02, ... unless they are given.
  TestGraph& constant(const std::string& name, const Shape& shape, std::vector<float> values = {}) {
    if (values.empty())
      for (int64_t i = 0; i < element_count(shape); ++i)
        values.push_back(0.01f * static_cast<float>(i + 1));
    *graph().add_initializer() = to_proto(name, Tensor::from_floats(values, shape), true);
    return *this;
  }
  NodeProto& node(const std::string& type, const std::vector<std::string>& inputs,
                  const std::string& output, const std::string& name = "") {
    NodeProto& node = *graph().add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const auto& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  ModelProto& model() { return model_; }
  std::shared_ptr<const Content> parse() const {
    const std::string bytes = model_.SerializeAsString();
    return parse_model(std::as_bytes(std::span(bytes)), {}, "the model");
  }

 private:
  static void describe(ValueInfoProto& value, const std::string& name, const Shape& shape) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(TensorProto::FLOAT);
    for (int64_t extent : shape) {
      auto& dimension = *type.mutable_shape()->add_dim();
      if (extent >= 0) dimension.set_dim_value(extent);
    }
  }

  ModelProto model_;
};

}  // namespace eightbit::onnx::test
