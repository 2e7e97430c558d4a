// ONNX's protobuf messages, under the names that this folder uses, and a model with its weights
// beside it.
#pragma once

#include <eightbit/tensor.h>
#include <onnx-ml.pb.h>

#include <string>
#include <unordered_map>

namespace eightbit::onnx {

using ::onnx::AttributeProto;
using ::onnx::FunctionProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::TypeProto;
using ::onnx::ValueInfoProto;

// Bytes of initializers of the main graph, by name: shared with the file or buffer they came from,
// never copied.
using Weights = std::unordered_map<std::string, Tensor>;

// What nodes stand for beside what they compute, by their first output, which no other node has. It
// is kept beside the model, in no field that is the user's, and never in files; see
// bodies/bodies.h.
enum class Mark {
  open,   // its bodies are open
  entry,  // a body reads through it from outside
  state,  // an input of a body, as it is at the first iteration
  aside,  // there for the types alone
};
using Marks = std::unordered_map<std::string, Mark>;
inline bool has_mark(const Marks& marks, const NodeProto& node, Mark mark) {
  if (marks.empty() || node.output_size() == 0) return false;
  const auto it = marks.find(node.output(0));
  return it != marks.end() && it->second == mark;
}

// A model whose large weights are set aside, so that copying it is cheap. An initializer of the
// main graph that is in `weights` holds name, type and shape only, and says data_location EXTERNAL
// with the location kSetAside. All other tensors hold their values.
struct Content {
  ModelProto model;
  Weights weights;
  Marks marks = {};
};
inline constexpr const char* kSetAside = "eightbit:weights";
// Smaller tensors stay in the message: they hold shapes, axes and scalars that are looked at often.
// In bytes.
inline constexpr size_t kLargeTensor = 1024;

}  // namespace eightbit::onnx
