#include "backends/onnx/ort/engine.h"

#include "backends/onnx/ort/session.h"
#include "backends/onnx/ort/unknown_ops.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

// A result without a type is given the one that ONNX Runtime infers.
void yield_everything(GraphProto& graph) {
  graph.clear_output();
  for (const NodeProto& node : graph.node())
    for (const std::string& output : node.output())
      if (!output.empty()) graph.add_output()->set_name(output);
}

// This version of the C API tells an unknown shape and that of a scalar alike.
TensorType type_of(const Ort::TypeInfo& type) {
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) return {};
  const auto info = type.GetTensorTypeAndShapeInfo();
  Shape shape = info.GetShape();
  const bool rank_known = !shape.empty();
  return {to_dtype(static_cast<int32_t>(info.GetElementType())), std::move(shape), rank_known};
}

TensorTypes types_in(const Content& typed) {
  SessionSettings settings;
  settings.threads = 1;
  settings.optimization = ORT_DISABLE_ALL;
  const Session session(typed, settings);
  TensorTypes types;
  for (size_t i = 0; i < session.output_names().size(); ++i)
    types[session.output_names()[i]] = type_of(session.output_type(i));
  return types;
}

}  // namespace

TensorTypes infer_types(const Content& content) {
  Content typed{content.model, {}};
  GraphProto& graph = *typed.model.mutable_graph();
  declare_weights(graph, content.weights, 0);  // their values do not matter
  for (bool whole = true;; whole = false) {
    yield_everything(graph);
    try {
      return types_in(typed);
    } catch (const Error& error) {
      const NodeProto* unknown = unknown_node(graph, error.what());
      if (!unknown && whole) throw;
      if (!unknown) return {};  // what the model declares is left
      open_at(graph, *unknown);
    }
  }
}

std::vector<Tensor> evaluate(const Content& content) {
  SessionSettings settings;
  settings.threads = 1;
  settings.optimization = ORT_DISABLE_ALL;
  try {
    return Session(content, settings).run({});
  } catch (const Ort::Exception& error) {
    fail<ModelError>("onnxruntime", "constants of the model cannot be computed: {}",
                     cause_of(error));
  }
}

}  // namespace eightbit::onnx
