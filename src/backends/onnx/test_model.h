// A small model for tests of the engine: x [batch, 2, 3] -> Mul by w -> "scaled" -> Relu -> "y".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "backends/onnx/model.h"
#include "backends/onnx/model_file.h"

namespace eightbit::onnx::test {

inline void declare(ValueInfoProto& value, const std::string& name,
                    const std::vector<int64_t>& shape) {
  value.set_name(name);
  auto* type = value.mutable_type()->mutable_tensor_type();
  type->set_elem_type(TensorProto::FLOAT);
  for (int64_t d : shape) {
    auto* dim = type->mutable_shape()->add_dim();
    if (d < 0)
      dim->set_dim_param("batch");
    else
      dim->set_dim_value(d);
  }
}

inline void add_node(GraphProto& graph, const std::string& type,
                     const std::vector<std::string>& inputs, const std::string& output) {
  NodeProto& node = *graph.add_node();
  node.set_name(output);
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
}

// `factor`: of the two channels.
inline ModelProto scaling_model(const std::vector<float>& factor, int64_t batch = -1) {
  ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  GraphProto& graph = *model.mutable_graph();
  graph.set_name("scaling");
  declare(*graph.add_input(), "x", {batch, 2, 3});
  declare(*graph.add_output(), "y", {batch, 2, 3});
  TensorProto& weight = *graph.add_initializer();
  weight.set_name("w");
  weight.set_data_type(TensorProto::FLOAT);
  weight.add_dims(2);
  weight.add_dims(1);
  for (float value : factor) weight.add_float_data(value);
  add_node(graph, "Mul", {"x", "w"}, "scaled");
  add_node(graph, "Relu", {"scaled"}, "y");
  return model;
}

inline OnnxModel model_of(const ModelProto& proto) {
  const std::string bytes = proto.SerializeAsString();
  return OnnxModel(parse_model(std::as_bytes(std::span(bytes)), {}, "test"));
}

inline ValueId value_named(const OnnxModel& model, const std::string& tensor) {
  return model.reading().value_of(tensor);
}

}  // namespace eightbit::onnx::test
