#include "backends/onnx/bodies/closing.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/bodies/scopes.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/prune.h"
#include "backends/onnx/proto/types.h"

namespace eightbit::onnx {
namespace {

// Bytes of weights that bodies hold by themselves. More stay in the main graph, whose weights are
// never copied.
constexpr size_t kMostInBodies = size_t{1} << 30;

class Closer {
 public:
  explicit Closer(Content content)
      : content_(std::move(content)),
        graph_(*content_.model.mutable_graph()),
        scopes_(scopes_of(content_)) {
    for (int i = 0; i < graph_.node_size(); ++i) {
      for (const auto& output : graph_.node(i).output()) producers_[output] = i;
      for (const auto& input : graph_.node(i).input()) ++readers_[input];
      for (const auto* body : bodies_of(graph_.node(i)))
        for (const auto& name : outer_tensors(*body)) ++readers_[name];
    }
    in_scope_.resize(scopes_.all.size());
  }

  Content close() {
    pass_entries();
    move_initializers();
    move_types();
    for (size_t scope = 1; scope < scopes_.all.size(); ++scope) {
      name_inputs(static_cast<int>(scope));
      name_results(static_cast<int>(scope));
    }
    for (int i = 0; i < graph_.node_size(); ++i)
      if (const int scope = scopes_.of_node[static_cast<size_t>(i)];
          scope != kNone && !gone_.contains(i))
        in_scope_[static_cast<size_t>(scope)].push_back(i);
    nodes_.Swap(graph_.mutable_node());
    move_nodes(0, graph_);
    prune(content_);
    content_.marks.clear();
    return std::move(content_);
  }

 private:
  GraphProto& body(int scope) {
    const Scope& s = scopes_.all[static_cast<size_t>(scope)];
    return body_of(*graph_.mutable_node(s.owner), s.body);
  }

  // What is read through entries is read directly.
  void pass_entries() {
    for (int i = 0; i < graph_.node_size(); ++i) {
      NodeProto& node = *graph_.mutable_node(i);
      rename_reads(node, sources_);
      if (is_entry(content_.marks, node)) sources_[node.output(0)] = node.input(0);
      if (is_state(content_.marks, node) && node.op_type() == "Gather")
        places_.insert(node.input(1));
      if (is_entry(content_.marks, node) || is_state(content_.marks, node) ||
          is_aside(content_.marks, node))
        gone_.insert(i);
    }
  }

  void move_initializers() {
    size_t moved = 0;
    auto& initializers = *graph_.mutable_initializer();
    for (auto& initializer : initializers) {
      if (places_.contains(initializer.name())) initializer.clear_name();
      const auto scope = scopes_.of_tensor.find(initializer.name());
      if (scope == scopes_.of_tensor.end() || scope->second == 0) continue;
      if (const auto weight = content_.weights.find(initializer.name());
          weight != content_.weights.end()) {
        if (moved + weight->second.byte_size() > kMostInBodies) continue;
        moved += weight->second.byte_size();
        initializer = to_proto(initializer.name(), weight->second, true);
        content_.weights.erase(weight);
      }
      body(scope->second).add_initializer()->Swap(&initializer);
    }
    initializers.erase(std::remove_if(initializers.begin(), initializers.end(),
                                      [](const auto& i) { return i.name().empty(); }),
                       initializers.end());
  }

  int scope_of_value(const std::string& name) const {
    const auto it = producers_.find(name);
    return it == producers_.end() ? 0 : scopes_.of_node[static_cast<size_t>(it->second)];
  }

  void move_types() {
    auto& values = *graph_.mutable_value_info();
    for (auto& value : values) {
      const int scope = scope_of_value(value.name());
      if (scope > 0 && !sources_.contains(value.name())) body(scope).add_value_info()->Swap(&value);
      if (scope != 0) value.clear_name();
    }
    values.erase(std::remove_if(values.begin(), values.end(),
                                [](const auto& v) { return v.name().empty(); }),
                 values.end());
  }

  void name_inputs(int scope) {
    for (auto& input : *body(scope).mutable_input()) {
      std::string& name = *input.mutable_name();
      name.resize(name.rfind(kInput));
    }
  }

  bool is_end(const NodeProto& node) const {
    return node.op_type() == "Identity" && is_standard(node.domain()) &&
           !is_entry(content_.marks, node) && !is_state(content_.marks, node);
  }

  // A body yields its own tensors under their names; others, and one that it yields twice, through
  // Identity.
  void name_results(int scope) {
    GraphProto& body = this->body(scope);
    std::unordered_set<std::string> yielded;
    google::protobuf::RepeatedPtrField<NodeProto> kept;
    for (int port = 0; port < body.output_size(); ++port) {
      NodeProto& hands_on = *body.mutable_node(port);
      const std::string result = hands_on.input(0);
      if (const auto it = producers_.find(result);
          it != producers_.end() && readers_.at(result) == 1)
        if (const NodeProto& node = graph_.node(it->second);
            is_end(node) && scopes_.of_node[static_cast<size_t>(it->second)] == scope) {
          hands_on.set_input(0, node.input(0));
          gone_.insert(it->second);
        }
      const std::string& tensor = hands_on.input(0);
      const bool own = scope_of_value(tensor) == scope && producers_.contains(tensor) &&
                       !gone_.contains(producers_.at(tensor));
      if (own && yielded.insert(tensor).second)
        body.mutable_output(port)->set_name(tensor);
      else
        kept.Add()->Swap(&hands_on);
    }
    body.mutable_node()->Swap(&kept);
  }

  // Nodes of a body come in front of those that hand on its results.
  void move_nodes(int scope, GraphProto& into) {
    google::protobuf::RepeatedPtrField<NodeProto> last;
    last.Swap(into.mutable_node());
    for (int i : in_scope_[static_cast<size_t>(scope)]) {
      NodeProto& node = *into.add_node();
      node.Swap(nodes_.Mutable(i));
      if (!is_open(content_.marks, node)) continue;
      for (size_t inner = 1; inner < scopes_.all.size(); ++inner)
        if (scopes_.all[inner].owner == i)
          move_nodes(static_cast<int>(inner), body_of(node, scopes_.all[inner].body));
    }
    for (auto& node : last) into.add_node()->Swap(&node);
  }

  Content content_;
  GraphProto& graph_;
  Scopes scopes_;
  std::unordered_map<std::string, int> producers_, readers_;
  Renamed sources_;                         // by tensor that an entry yields
  std::unordered_set<int> gone_;            // nodes that were there for the open form alone
  std::unordered_set<std::string> places_;  // where Scan's slices began there
  std::vector<std::vector<int>> in_scope_;  // nodes, in order
  google::protobuf::RepeatedPtrField<NodeProto> nodes_;
};

}  // namespace

Content with_closed_bodies(Content content) {
  const auto& nodes = content.model.graph().node();
  if (std::ranges::none_of(nodes, [&](const auto& node) { return is_open(content.marks, node); }))
    return content;
  return Closer(std::move(content)).close();
}

}  // namespace eightbit::onnx
