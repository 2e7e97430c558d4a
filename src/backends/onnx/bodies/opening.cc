#include "backends/onnx/bodies/opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/types.h"
#include "graph/unique_names.h"

namespace eightbit::onnx {
namespace {

void count_names(const GraphProto& graph, std::unordered_map<std::string, int>& counts) {
  for (const auto& input : graph.input()) ++counts[input.name()];
  for (const auto& initializer : graph.initializer()) ++counts[initializer.name()];
  for (const auto& node : graph.node()) {
    for (const auto& output : node.output()) ++counts[output];
    for (const auto* body : bodies_of(node)) count_names(*body, counts);
  }
}

class Opener {
 public:
  explicit Opener(Content& content)
      : opset_(opset_of(content.model)),
        graph_(*content.model.mutable_graph()),
        marks_(content.marks) {
    std::unordered_map<std::string, int> counts;
    count_names(graph_, counts);
    for (const auto& [name, count] : counts) names_.reserve(name);
    take_names(graph_, true);
  }

  void open() {
    google::protobuf::RepeatedPtrField<NodeProto> nodes;
    nodes.Swap(graph_.mutable_node());
    for (auto& node : nodes) place(node);
  }

 private:
  // The main graph and what stays closed keep their names.
  void take_names(const GraphProto& graph, bool closed) {
    if (closed)
      for (const auto& name : own_names(graph)) names_.unique(name);
    for (const auto& node : graph.node())
      for (const auto* body : bodies_of(node)) take_names(*body, !is_regular(node));
  }

  static bool has_body(const NodeProto& node, int body, int inputs, int states) {
    const auto* graph = body_of(node, body);
    return graph && graph->sparse_initializer_size() == 0 && graph->input_size() == inputs &&
           graph->output_size() == node.output_size() + states;
  }

  // As the standard has it, since version 9.
  bool is_regular(const NodeProto& node) const {
    const bool whole = is_standard(node.domain()) &&
                       static_cast<int>(bodies_of(node).size()) == body_count(node) &&
                       node.output_size() > 0 && !node.output(0).empty();
    const auto connected = [&](int port) {
      return port < node.input_size() && !node.input(port).empty();
    };
    if (!whole) return false;
    if (node.op_type() == "If")
      return node.input_size() == 1 && connected(0) && has_body(node, 0, 0, 0) &&
             has_body(node, 1, 0, 0);
    const bool loop = node.op_type() == "Loop", scan = node.op_type() == "Scan" && opset_ >= 9;
    for (int port = loop ? 2 : 0; port < node.input_size(); ++port)
      if (!connected(port)) return false;
    if (loop) return node.input_size() >= 2 && has_body(node, 0, node.input_size(), 1);
    const int64_t scanned = int_attribute(node, "num_scan_inputs", 0);
    return scan && scanned >= 1 && scanned <= node.input_size() &&
           has_body(node, 0, node.input_size(), 0);
  }

  void place(NodeProto& node) {
    if (is_regular(node)) open(node);
    graph_.add_node()->Swap(&node);
  }

  void open(NodeProto& owner) {
    if (owner.name().empty()) owner.set_name(owner.output(0));
    if (owner.op_type() == "If")
      for (int branch : {0, 1})
        open(owner, branch, fmt::format("{}/{}/", owner.name(), branch == 0 ? "then" : "else"));
    else
      open(owner, 0, owner.name() + "/");
    marks_[owner.output(0)] = Mark::open;
  }

  NodeProto& add(const std::string& type, const std::vector<std::string>& inputs,
                 const std::string& output, Mark mark) {
    NodeProto& node = *graph_.add_node();
    node.set_op_type(type);
    for (const auto& input : inputs) node.add_input(input);
    node.add_output(output);
    marks_[output] = mark;
    return node;
  }

  // A number that no runtime knows beforehand, of one element.
  std::string unknown_number(const std::string& prefix) {
    const std::string name = names_.unique(prefix + "number");
    set_attribute(add("RandomUniform", {}, name, Mark::aside), "shape", std::vector<int64_t>{1});
    return name;
  }

  // What an input of the body is at the first iteration.
  void add_state(const NodeProto& owner, int port, const std::string& prefix,
                 const std::string& name) {
    const bool loop = owner.op_type() == "Loop";
    const int scanned =
        owner.input_size() - static_cast<int>(int_attribute(owner, "num_scan_inputs", 0));
    if (loop && port < 2) {
      const auto& declared = body_of(owner, 0)->input(port).type().tensor_type();
      std::string number = unknown_number(prefix);
      if (const std::string vector = number; declared.shape().dim_size() == 0)
        add("Squeeze", {vector}, number = names_.unique(name + "/scalar"), Mark::aside);
      set_attribute(add("Cast", {number}, name, Mark::state), "to",
                    int64_t{port == 0 ? TensorProto::INT64 : TensorProto::BOOL});
    } else if (loop || port < scanned) {
      add("Identity", {owner.input(port)}, name, Mark::state);
    } else {
      const auto axes = ints_attribute(owner, "scan_input_axes");
      const auto axis = static_cast<size_t>(port - scanned);
      TensorProto& first = *graph_.add_initializer();
      first.set_name(names_.unique(name + "/first"));
      first.set_data_type(TensorProto::INT64);
      first.add_int64_data(0);
      set_attribute(add("Gather", {owner.input(port), first.name()}, name, Mark::state), "axis",
                    axis < axes.size() ? axes[axis] : 0);
    }
  }

  void open(NodeProto& owner, int index, const std::string& prefix) {
    GraphProto& body = body_of(owner, index);
    Renamed names;
    for (const auto& outer : outer_tensors(body))
      add("Identity", {outer}, names[outer] = names_.unique(prefix + outer), Mark::entry);
    for (int port = 0; port < body.input_size(); ++port) {
      std::string& input = *body.mutable_input(port)->mutable_name();
      add_state(owner, port, prefix, names[input] = names_.unique(input));
      input = names_.unique(names[input] + std::string(kInput));
    }
    std::vector<std::string> own;  // in order, so that new names do not depend on hashes
    for (const auto& initializer : body.initializer()) own.push_back(initializer.name());
    for (const auto& node : body.node())
      own.insert(own.end(), node.output().begin(), node.output().end());
    for (const auto& name : own)
      if (!name.empty()) names[name] = names_.unique(name);
    for (auto& initializer : *body.mutable_initializer()) {
      rename(*initializer.mutable_name(), names);
      graph_.add_initializer()->Swap(&initializer);
    }
    for (auto& value : *body.mutable_value_info()) {
      rename(*value.mutable_name(), names);
      graph_.add_value_info()->Swap(&value);
    }
    for (auto& node : *body.mutable_node()) {
      rename_reads(node, names);
      for (auto& output : *node.mutable_output()) rename(output, names);
      place(node);
    }
    body.clear_initializer();
    body.clear_value_info();
    body.clear_node();
    for (auto& output : *body.mutable_output()) {
      std::string inner = output.name();
      rename(inner, names);
      const std::string result = names_.unique(prefix + output.name() + "/result");
      add_identity(graph_, inner, result);
      output.set_name(names_.unique(prefix + output.name() + "/output"));
      add_identity(body, result, output.name());
    }
  }

  int64_t opset_;
  GraphProto& graph_;
  Marks& marks_;
  UniqueNames names_;
};

// Identity takes tensors alone before version 14 and 16.
bool holds_more_than_tensors(const GraphProto& graph) {
  return std::ranges::any_of(graph.node(), [](const NodeProto& node) {
    const std::string_view type = node.op_type();
    return type.find("Sequence") != type.npos || type.find("Optional") != type.npos ||
           std::ranges::any_of(bodies_of(node), [](const GraphProto* body) {
             return holds_more_than_tensors(*body);
           });
  });
}

}  // namespace

void open_bodies(Content& content) {
  const GraphProto& graph = content.model.graph();
  const bool any =
      std::ranges::any_of(graph.node(), [](const auto& node) { return !bodies_of(node).empty(); });
  if (!any || (opset_of(content.model) < 16 && holds_more_than_tensors(graph))) return;
  Opener(content).open();
}

}  // namespace eightbit::onnx
