#include "backends/onnx/proto/copy.h"

#include <algorithm>

#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/types.h"

namespace eightbit::onnx {
namespace {

// A name that nothing in the model has: "name", or "name_2" and so on.
template <typename Taken>
std::string free_name(const std::string& name, const Taken& taken) {
  std::string candidate = name;
  for (int number = 2; taken(candidate); ++number) candidate = name + "_" + std::to_string(number);
  return candidate;
}

}  // namespace

Copy::Copy(Content original, Indexed<ValueId, std::string> tensors)
    : content(std::move(original)), values(std::move(tensors)) {
  const GraphProto& graph = content.model.graph();
  const auto take = [this](const std::string& name) { names_.insert(name); };
  for (const auto& input : graph.input()) take(input.name());
  for (const auto& output : graph.output()) take(output.name());
  for (const auto& initializer : graph.initializer()) take(initializer.name());
  for (const auto& node : graph.node()) {
    take(node.name());
    std::ranges::for_each(node.output(), take);
    for (const auto* body : bodies_of(node)) take_names(*body);
  }
}

// Bodies see the tensors around them: a new name must not meet theirs.
void Copy::take_names(const GraphProto& body) {
  for (const auto& input : body.input()) names_.insert(input.name());
  for (const auto& initializer : body.initializer()) names_.insert(initializer.name());
  for (const auto& node : body.node()) {
    names_.insert(node.output().begin(), node.output().end());
    for (const auto* inner : bodies_of(node)) take_names(*inner);
  }
}

std::string Copy::new_name(const std::string& name) {
  std::string fresh = free_name(name, [this](const auto& n) { return names_.contains(n); });
  names_.insert(fresh);
  return fresh;
}

NodeProto& Copy::add_node(const std::string& type, const std::string& name,
                          const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
  NodeProto& node = *content.model.mutable_graph()->add_node();
  node.set_op_type(type);
  node.set_name(new_name(name));
  for (const auto& input : inputs) node.add_input(input);
  for (const auto& output : outputs) node.add_output(output);
  names_.insert(outputs.begin(), outputs.end());
  return node;
}

std::string Copy::add_initializer(const std::string& name, const Tensor& tensor) {
  const std::string fresh = new_name(name);
  const bool large = tensor.byte_size() > kLargeTensor;
  TensorProto& proto = *content.model.mutable_graph()->add_initializer();
  proto = to_proto(fresh, tensor, !large);
  if (!large) return fresh;
  mark_set_aside(proto);
  content.weights[fresh] = tensor;
  return fresh;
}

std::string Copy::yield_instead(const std::string& tensor, const std::string& suffix) {
  const std::string fresh = new_name(tensor + suffix);
  GraphProto& graph = *content.model.mutable_graph();
  for (auto& node : *graph.mutable_node())
    for (auto& output : *node.mutable_output())
      if (output == tensor) output = fresh;
  if (const auto mark = content.marks.find(tensor); mark != content.marks.end()) {
    content.marks[fresh] = mark->second;
    content.marks.erase(tensor);
  }
  for (auto& value : *graph.mutable_value_info())
    if (value.name() == tensor) {
      ValueInfoProto renamed = value;
      renamed.set_name(fresh);
      *graph.add_value_info() = std::move(renamed);
      break;
    }
  return fresh;
}

}  // namespace eightbit::onnx
