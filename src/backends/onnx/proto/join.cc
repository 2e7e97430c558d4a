#include "backends/onnx/proto/join.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace eightbit::onnx {
namespace {

class Renaming {
 public:
  explicit Renaming(std::string prefix) : prefix_(std::move(prefix)) {}

  void keep(const std::string& name) { kept_.insert(name); }
  std::string operator()(const std::string& name) const {
    return name.empty() || kept_.contains(name) ? name : prefix_ + name;
  }

  // Bodies may name what stands outside them, so that all names follow the one rule.
  void apply(GraphProto& graph) const {
    for (NodeProto& node : *graph.mutable_node()) apply(node);
    for (TensorProto& initializer : *graph.mutable_initializer())
      initializer.set_name((*this)(initializer.name()));
    for (ValueInfoProto& value : *graph.mutable_value_info()) value.set_name((*this)(value.name()));
  }

 private:
  void apply(NodeProto& node) const {
    if (!node.name().empty()) node.set_name(prefix_ + node.name());
    for (std::string& name : *node.mutable_input()) name = (*this)(name);
    for (std::string& name : *node.mutable_output()) name = (*this)(name);
    for (AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) apply_to_body(*attribute.mutable_g());
      for (GraphProto& body : *attribute.mutable_graphs()) apply_to_body(body);
    }
  }

  void apply_to_body(GraphProto& body) const {
    apply(body);
    for (ValueInfoProto& value : *body.mutable_input()) value.set_name((*this)(value.name()));
    for (ValueInfoProto& value : *body.mutable_output()) value.set_name((*this)(value.name()));
  }

  std::string prefix_;
  std::unordered_set<std::string> kept_;
};

bool same_bytes(const Weights& a, const Weights& b, const std::string& name) {
  const auto first = a.find(name), second = b.find(name);
  return first != a.end() && second != b.end() && first->second.data == second->second.data &&
         first->second.dtype == second->second.dtype && first->second.shape == second->second.shape;
}

// An operator set that only one of them uses.
void add_operator_sets(ModelProto& target, const ModelProto& added) {
  for (const auto& wanted : added.opset_import()) {
    bool known = false;
    for (const auto& set : target.opset_import()) known |= set.domain() == wanted.domain();
    if (!known) *target.add_opset_import() = wanted;
  }
}

}  // namespace

void join(Copy& target, Copy& added, const std::string& prefix) {
  GraphProto& into = *target.content.model.mutable_graph();
  GraphProto& from = *added.content.model.mutable_graph();
  Renaming rename(prefix);
  for (const ValueInfoProto& input : from.input()) rename.keep(input.name());
  for (const auto& [name, tensor] : added.content.weights)
    if (same_bytes(target.content.weights, added.content.weights, name)) rename.keep(name);
  for (const auto& [name, tensor] : added.content.weights)
    target.content.weights.emplace(rename(name), tensor);
  for (const auto& [output, mark] : added.content.marks)
    target.content.marks.emplace(rename(output), mark);
  rename.apply(from);
  std::unordered_set<std::string> present;
  for (const TensorProto& initializer : into.initializer()) present.insert(initializer.name());
  for (NodeProto& node : *from.mutable_node()) into.add_node()->Swap(&node);
  for (TensorProto& initializer : *from.mutable_initializer())
    if (!present.contains(initializer.name())) into.add_initializer()->Swap(&initializer);
  for (std::string& value : added.values) value = rename(value);
  add_operator_sets(target.content.model, added.content.model);
  target.content.model.set_ir_version(
      std::max(target.content.model.ir_version(), added.content.model.ir_version()));
}

}  // namespace eightbit::onnx
