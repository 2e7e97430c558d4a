#include "backends/onnx/normalize.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/constants.h"
#include "backends/onnx/einsum.h"
#include "backends/onnx/fold_layers.h"
#include "backends/onnx/fold_paddings.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/graph_index.h"
#include "backends/onnx/proto/prune.h"
#include "backends/onnx/proto/sort.h"
#include "graph/unique_names.h"

namespace eightbit::onnx {
namespace {

// Overridable inputs would keep every runtime from preparing the weights.
void drop_initializers_from_inputs(GraphProto& graph) {
  std::unordered_set<std::string> initializers;
  for (const auto& initializer : graph.initializer()) initializers.insert(initializer.name());
  auto& inputs = *graph.mutable_input();
  inputs.erase(
      std::remove_if(inputs.begin(), inputs.end(),
                     [&](const auto& input) { return initializers.contains(input.name()); }),
      inputs.end());
}

bool all_zero(const Tensor& tensor) {
  return std::ranges::all_of(to_floats(tensor), [](float value) { return value == 0; });
}

// Nodes that hand on their first input.
class Passes {
 public:
  explicit Passes(const Content& content)
      : graph_(content.model.graph()),
        marks_(content.marks),
        constants_(content, {}),
        index_(graph_) {
    for (const auto& input : graph_.input())
      types_[input.name()] = input.type().tensor_type().elem_type();
    for (const auto& value : graph_.value_info())
      types_[value.name()] = value.type().tensor_type().elem_type();
    for (const auto& output : graph_.output()) kept_.insert(output.name());
  }

  std::vector<int> find() const {
    compute_paddings();
    std::vector<int> found;
    for (int i = 0; i < graph_.node_size(); ++i) {
      const NodeProto& node = graph_.node(i);
      if (passes_on(node) && !kept_.contains(node.output(0)) &&
          !index_.read_by_bodies(node.output(0)))
        found.push_back(i);
    }
    return found;
  }

 private:
  static bool is_pad(const NodeProto& node) {
    return node.op_type() == "Pad" && is_standard(node.domain());
  }

  // All of them in one run of the engine.
  void compute_paddings() const {
    std::vector<std::string> paddings;
    for (const auto& node : graph_.node())
      if (is_pad(node) && node.input_size() > 1 && constants_.contains(node.input(1)))
        paddings.push_back(node.input(1));
    constants_.compute(paddings);
  }

  bool pads_nothing(const NodeProto& node) const {
    if (node.input_size() >= 2)
      return constants_.contains(node.input(1)) && all_zero(constants_.value(node.input(1)));
    const auto pads = ints_attribute(node, "pads");
    return !pads.empty() && std::ranges::all_of(pads, [](int64_t pad) { return pad == 0; });
  }

  bool casts_nothing(const NodeProto& node) const {
    const auto it = types_.find(node.input(0));
    return it != types_.end() && it->second == int_attribute(node, "to", 0);
  }

  static bool only_first_output(const NodeProto& node) {
    return std::all_of(node.output().begin() + 1, node.output().end(),
                       [](const auto& name) { return name.empty(); });
  }

  bool passes_on(const NodeProto& node) const {
    if (!is_standard(node.domain()) || node.input_size() == 0 || node.output_size() == 0 ||
        node.input(0).empty())
      return false;
    const std::string& type = node.op_type();
    if (type == "Identity")
      return !is_state(marks_, node) &&
             (!is_entry(marks_, node) || constants_.contains(node.input(0)));
    if (type == "Dropout")
      return only_first_output(node) && (node.input_size() < 3 || node.input(2).empty());
    if (type == "Pad") return pads_nothing(node);
    if (type == "Cast") return casts_nothing(node);
    if (type == "Concat" || type == "Sum" || type == "Max" || type == "Min")
      return node.input_size() == 1;
    return false;
  }

  const GraphProto& graph_;
  const Marks& marks_;
  Constants constants_;
  GraphIndex index_;
  std::unordered_set<std::string> kept_;
  std::unordered_map<std::string, int32_t> types_;
};

void remove_passes(Content& content) {
  const std::vector<int> passes = Passes(content).find();
  GraphProto& graph = *content.model.mutable_graph();
  std::unordered_map<std::string, std::string> source;
  auto pass = passes.begin();
  for (int i = 0; i < graph.node_size(); ++i) {
    NodeProto& node = *graph.mutable_node(i);
    for (auto& input : *node.mutable_input())
      if (const auto it = source.find(input); it != source.end()) input = it->second;
    if (pass == passes.end() || *pass != i) continue;
    ++pass;
    source[node.output(0)] = node.input(0);
    node.clear_op_type();
  }
  auto& nodes = *graph.mutable_node();
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                             [](const auto& node) { return node.op_type().empty(); }),
              nodes.end());
}

// ONNX Runtime refuses two nodes of one name.
void make_names_unique(GraphProto& graph) {
  UniqueNames names;
  for (const auto& node : graph.node()) names.reserve(node.name());
  for (auto& node : *graph.mutable_node()) {
    if (!node.name().empty()) node.set_name(names.unique(node.name()));
    for (auto* body : bodies_of(node)) make_names_unique(*body);
  }
}

}  // namespace

void normalize(Content& content) {
  GraphProto& graph = *content.model.mutable_graph();
  drop_initializers_from_inputs(graph);
  make_names_unique(graph);
  sort_nodes(graph);
  remove_passes(content);
  make_products_of_einsums(content);
  fold_paddings(content);
  fold_layers(content);
  prune(content);
}

}  // namespace eightbit::onnx
