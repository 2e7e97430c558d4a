#include "backends/onnx/normalize.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "backends/onnx/attributes.h"
#include "backends/onnx/inline_functions.h"
#include "backends/onnx/sort.h"
#include "backends/onnx/types.h"

namespace eightbit::onnx {
namespace {

// Overridable inputs would keep every runtime from preparing the weights.
void drop_initializers_from_inputs(GraphProto& graph) {
  std::unordered_set<std::string> initializers;
  for (const auto& initializer : graph.initializer()) initializers.insert(initializer.name());
  auto& inputs = *graph.mutable_input();
  inputs.erase(std::remove_if(inputs.begin(), inputs.end(),
                              [&](const auto& input) { return initializers.contains(input.name()); }),
               inputs.end());
}

class Passes {
 public:
  explicit Passes(GraphProto& graph) : graph_(graph) {
    for (const auto& output : graph.output()) kept_.insert(output.name());
    for (const auto& input : graph.input()) types_[input.name()] = input.type().tensor_type().elem_type();
    for (const auto& value : graph.value_info()) types_[value.name()] = value.type().tensor_type().elem_type();
    for (const auto& initializer : graph.initializer()) constants_[initializer.name()] = &initializer;
    for (const auto& node : graph.node())
      if (node.op_type() == "Constant" && is_standard(node.domain()) && node.output_size() == 1)
        if (const auto* value = find_attribute(node, "value"); value && value->has_t())
          constants_[node.output(0)] = &value->t();
  }

  void remove() {
    for (auto& node : *graph_.mutable_node()) {
      rename_inputs(node);
      if (!passes_on(node) || kept_.contains(node.output(0)) || in_body_.contains(node.output(0))) continue;
      source_[node.output(0)] = node.input(0);
      node.Clear();
    }
    auto& nodes = *graph_.mutable_node();
    nodes.erase(std::remove_if(nodes.begin(), nodes.end(), [](const auto& node) { return node.op_type().empty(); }),
                nodes.end());
  }

  // Tensors that bodies read keep their names.
  void keep_for_bodies() {
    for (const auto& node : graph_.node())
      for (const auto* body : bodies_of(node))
        for (auto& name : outer_tensors(*body)) in_body_.insert(std::move(name));
  }

 private:
  void rename_inputs(NodeProto& node) {
    for (auto& input : *node.mutable_input())
      if (const auto it = source_.find(input); it != source_.end()) input = it->second;
  }

  bool all_zero(const std::string& name) const {
    const auto it = constants_.find(name);
    if (it == constants_.end() || it->second->data_location() == TensorProto::EXTERNAL) return false;
    if (bits_of(to_dtype(it->second->data_type())) == 0) return false;
    const auto values = to_floats(to_tensor(*it->second, nullptr));
    return std::ranges::all_of(values, [](float value) { return value == 0; });
  }

  bool pads_nothing(const NodeProto& node) const {
    if (node.input_size() >= 2) return all_zero(node.input(1));
    const auto pads = ints_attribute(node, "pads");
    return !pads.empty() && std::ranges::all_of(pads, [](int64_t pad) { return pad == 0; });
  }

  bool casts_nothing(const NodeProto& node) const {
    const auto it = types_.find(node.input(0));
    return it != types_.end() && it->second == int_attribute(node, "to", 0);
  }

  bool only_first_output(const NodeProto& node) const {
    return std::all_of(node.output().begin() + 1, node.output().end(), [](const auto& name) { return name.empty(); });
  }

  bool passes_on(const NodeProto& node) const {
    if (!is_standard(node.domain()) || node.input_size() == 0 || node.output_size() == 0 || node.input(0).empty())
      return false;
    const std::string& type = node.op_type();
    if (type == "Identity") return true;
    if (type == "Dropout") return only_first_output(node) && (node.input_size() < 3 || node.input(2).empty());
    if (type == "Pad") return pads_nothing(node);
    if (type == "Cast") return casts_nothing(node);
    if (type == "Concat" || type == "Sum" || type == "Max" || type == "Min") return node.input_size() == 1;
    return false;
  }

  GraphProto& graph_;
  std::unordered_set<std::string> kept_, in_body_;
  std::unordered_map<std::string, int32_t> types_;
  std::unordered_map<std::string, const TensorProto*> constants_;
  std::unordered_map<std::string, std::string> source_;
};

void remove_passes(GraphProto& graph) {
  Passes passes(graph);
  passes.keep_for_bodies();
  passes.remove();
}

}  // namespace

void normalize(Content& content) {
  GraphProto& graph = *content.model.mutable_graph();
  drop_initializers_from_inputs(graph);
  inline_functions(content.model);
  sort_nodes(graph);
  remove_passes(graph);
}

}  // namespace eightbit::onnx
