#include "backends/onnx/branches.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "backends/onnx/attributes.h"
#include "backends/onnx/check.h"
#include "backends/onnx/model_file.h"
#include "backends/onnx/types.h"
#include "base/error.h"
#include "graph/unique_names.h"

namespace eightbit::onnx {
namespace {

using Names = std::unordered_map<std::string, std::string>;

// Marks of nodes, where every runtime lets them pass. Files have none.
constexpr std::string_view kOpen = "eightbit: open", kEntry = "eightbit: entry";
constexpr std::array<const char*, 2> kBranches = {"then_branch", "else_branch"};

// Bytes of weights that branches hold by themselves. More stay in the main graph, whose weights are never copied.
constexpr size_t kMostInBranches = size_t{1} << 30;

const GraphProto* branch_of(const NodeProto& choice, int branch) {
  const auto* attribute = find_attribute(choice, kBranches[static_cast<size_t>(branch)]);
  return attribute && attribute->has_g() ? &attribute->g() : nullptr;
}
GraphProto& open_branch(NodeProto& choice, int branch) {
  return const_cast<GraphProto&>(*branch_of(choice, branch));
}

void count_names(const GraphProto& graph, std::unordered_map<std::string, int>& counts) {
  for (const auto& input : graph.input()) ++counts[input.name()];
  for (const auto& initializer : graph.initializer()) ++counts[initializer.name()];
  for (const auto& node : graph.node()) {
    for (const auto& output : node.output()) ++counts[output];
    for (const auto* body : bodies_of(node)) count_names(*body, counts);
  }
}

std::unordered_set<std::string> own_names(const GraphProto& graph) {
  std::unordered_map<std::string, int> counts;
  for (const auto& input : graph.input()) counts[input.name()];
  for (const auto& initializer : graph.initializer()) counts[initializer.name()];
  for (const auto& node : graph.node())
    for (const auto& output : node.output()) counts[output];
  std::unordered_set<std::string> names;
  for (const auto& [name, count] : counts) names.insert(name);
  return names;
}

void rename(std::string& name, const Names& names) {
  if (const auto it = names.find(name); it != names.end()) name = it->second;
}

// What a node reads, and bodies in it, unless they have a tensor of that name themselves.
void rename_reads(NodeProto& node, const Names& names) {
  for (auto& input : *node.mutable_input()) rename(input, names);
  for (auto* body : bodies_of(node)) {
    Names seen = names;
    for (const auto& own : own_names(*body)) seen.erase(own);
    for (auto& inner : *body->mutable_node()) rename_reads(inner, seen);
    for (auto& output : *body->mutable_output()) rename(*output.mutable_name(), seen);
  }
}

NodeProto& add_identity(GraphProto& graph, const std::string& from, const std::string& to) {
  NodeProto& node = *graph.add_node();
  node.set_op_type("Identity");
  node.add_input(from);
  node.add_output(to);
  return node;
}

class Opener {
 public:
  explicit Opener(GraphProto& graph) : graph_(graph) {
    std::unordered_map<std::string, int> counts;
    count_names(graph, counts);
    for (const auto& [name, count] : counts) names_.reserve(name);
    take_names(graph, true);
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

  static bool is_regular(const NodeProto& node) {
    if (node.op_type() != "If" || !is_standard(node.domain()) || node.input_size() != 1 || node.input(0).empty()) return false;
    if (bodies_of(node).size() != 2 || node.output_size() == 0 || node.output(0).empty()) return false;
    for (int branch : {0, 1}) {
      const auto* body = branch_of(node, branch);
      if (!body || body->input_size() > 0 || body->sparse_initializer_size() > 0 || body->output_size() != node.output_size())
        return false;
    }
    return true;
  }

  void place(NodeProto& node) {
    if (is_regular(node)) open(node);
    graph_.add_node()->Swap(&node);
  }

  void open(NodeProto& choice) {
    if (choice.name().empty()) choice.set_name(choice.output(0));
    for (int branch : {0, 1}) open(open_branch(choice, branch), fmt::format("{}/{}/", choice.name(), branch == 0 ? "then" : "else"));
    choice.set_doc_string(std::string(kOpen));
  }

  void open(GraphProto& body, const std::string& prefix) {
    Names names;
    for (const auto& outer : outer_tensors(body)) {
      const std::string inner = names_.unique(prefix + outer);
      names[outer] = inner;
      add_identity(graph_, outer, inner).set_doc_string(std::string(kEntry));
    }
    std::vector<std::string> own;   // in order, so that new names do not depend on hashes
    for (const auto& initializer : body.initializer()) own.push_back(initializer.name());
    for (const auto& node : body.node()) own.insert(own.end(), node.output().begin(), node.output().end());
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

  GraphProto& graph_;
  UniqueNames names_;
};

// Identity takes tensors alone before version 14 and 16.
bool holds_more_than_tensors(const GraphProto& graph) {
  return std::ranges::any_of(graph.node(), [](const NodeProto& node) {
    const std::string_view type = node.op_type();
    return type.find("Sequence") != type.npos || type.find("Optional") != type.npos ||
           std::ranges::any_of(bodies_of(node), [](const GraphProto* body) { return holds_more_than_tensors(*body); });
  });
}

void clear_marks(GraphProto& graph) {
  for (auto& node : *graph.mutable_node()) {
    if (is_open(node) || is_entry(node)) node.clear_doc_string();
    for (auto* body : bodies_of(node)) clear_marks(*body);
  }
}

class Closer {
 public:
  explicit Closer(Content content) : content_(std::move(content)), graph_(*content_.model.mutable_graph()), scopes_(scopes_of(graph_)) {
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
    for (size_t scope = 1; scope < scopes_.all.size(); ++scope) name_results(static_cast<int>(scope));
    for (int i = 0; i < graph_.node_size(); ++i)
      if (const int scope = scopes_.of_node[static_cast<size_t>(i)]; scope != kNone && !gone_.contains(i))
        in_scope_[static_cast<size_t>(scope)].push_back(i);
    nodes_.Swap(graph_.mutable_node());
    move_nodes(0, graph_);
    return std::move(content_);
  }

 private:
  GraphProto& branch(int scope) {
    const Scope& s = scopes_.all[static_cast<size_t>(scope)];
    return open_branch(*graph_.mutable_node(s.owner), s.branch);
  }

  // What is read through entries is read directly.
  void pass_entries() {
    for (int i = 0; i < graph_.node_size(); ++i) {
      NodeProto& node = *graph_.mutable_node(i);
      rename_reads(node, sources_);
      if (!is_entry(node)) continue;
      sources_[node.output(0)] = node.input(0);
      gone_.insert(i);
    }
  }

  void move_initializers() {
    size_t moved = 0;
    auto& initializers = *graph_.mutable_initializer();
    for (auto& initializer : initializers) {
      const auto scope = scopes_.of_tensor.find(initializer.name());
      if (scope == scopes_.of_tensor.end() || scope->second == 0) continue;
      if (const auto weight = content_.weights.find(initializer.name()); weight != content_.weights.end()) {
        if (moved + weight->second.byte_size() > kMostInBranches) continue;
        moved += weight->second.byte_size();
        initializer = to_proto(initializer.name(), weight->second, true);
        content_.weights.erase(weight);
      }
      branch(scope->second).add_initializer()->Swap(&initializer);
    }
    initializers.erase(std::remove_if(initializers.begin(), initializers.end(), [](const auto& i) { return i.name().empty(); }),
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
      if (scope > 0 && !sources_.contains(value.name())) branch(scope).add_value_info()->Swap(&value);
      if (scope != 0) value.clear_name();
    }
    values.erase(std::remove_if(values.begin(), values.end(), [](const auto& v) { return v.name().empty(); }), values.end());
  }

  // A branch yields its own tensors under their names; others, and one that it yields twice, through Identity.
  void name_results(int scope) {
    GraphProto& body = branch(scope);
    std::unordered_set<std::string> yielded;
    google::protobuf::RepeatedPtrField<NodeProto> kept;
    for (int port = 0; port < body.output_size(); ++port) {
      NodeProto& hands_on = *body.mutable_node(port);
      const std::string result = hands_on.input(0);
      if (const auto it = producers_.find(result); it != producers_.end() && readers_.at(result) == 1)
        if (const NodeProto& node = graph_.node(it->second); node.op_type() == "Identity" && !is_entry(node) && is_standard(node.domain())) {
          hands_on.set_input(0, node.input(0));
          gone_.insert(it->second);
        }
      const std::string& tensor = hands_on.input(0);
      const bool own = scope_of_value(tensor) == scope && producers_.contains(tensor) && !gone_.contains(producers_.at(tensor));
      if (own && yielded.insert(tensor).second) body.mutable_output(port)->set_name(tensor);
      else kept.Add()->Swap(&hands_on);
    }
    body.mutable_node()->Swap(&kept);
  }

  // Nodes of a branch come in front of those that hand on its results.
  void move_nodes(int scope, GraphProto& into) {
    google::protobuf::RepeatedPtrField<NodeProto> last;
    last.Swap(into.mutable_node());
    for (int i : in_scope_[static_cast<size_t>(scope)]) {
      NodeProto& node = *into.add_node();
      node.Swap(nodes_.Mutable(i));
      if (!is_open(node)) continue;
      node.clear_doc_string();
      for (size_t inner = 1; inner < scopes_.all.size(); ++inner)
        if (scopes_.all[inner].owner == i) move_nodes(static_cast<int>(inner), open_branch(node, scopes_.all[inner].branch));
    }
    for (auto& node : last) into.add_node()->Swap(&node);
  }

  Content content_;
  GraphProto& graph_;
  Scopes scopes_;
  std::unordered_map<std::string, int> producers_, readers_;
  Names sources_;                            // by tensor that an entry yields
  std::unordered_set<int> gone_;             // nodes that were there for the open form alone
  std::vector<std::vector<int>> in_scope_;   // nodes, in order
  google::protobuf::RepeatedPtrField<NodeProto> nodes_;
};

class ScopeFinder {
 public:
  explicit ScopeFinder(const GraphProto& graph) : graph_(graph) {}

  Scopes find() {
    out_.all.push_back({});
    out_.of_node.assign(static_cast<size_t>(graph_.node_size()), kNone);
    for (const auto& output : graph_.output()) read(output.name(), 0);
    for (int i = graph_.node_size(); i-- > 0;) visit(i);
    return std::move(out_);
  }

 private:
  void visit(int i) {
    const NodeProto& node = graph_.node(i);
    int scope = kNone;
    for (const auto& output : node.output())
      if (const auto it = out_.of_tensor.find(output); it != out_.of_tensor.end()) scope = common(scope, it->second);
    out_.of_node[static_cast<size_t>(i)] = scope;
    if (scope == kNone) return;
    const int outside = out_.all[static_cast<size_t>(scope)].parent;
    for (const auto& input : node.input()) read(input, is_entry(node) && outside != kNone ? outside : scope);
    const auto bodies = bodies_of(node);
    for (size_t k = 0; k < bodies.size(); ++k) {
      int inside = scope;
      if (is_open(node)) {
        inside = static_cast<int>(out_.all.size());
        out_.all.push_back({i, bodies[k] == branch_of(node, 1) ? 1 : 0, scope, out_.all[static_cast<size_t>(scope)].depth + 1});
      }
      for (const auto& name : outer_tensors(*bodies[k])) read(name, inside);
    }
  }

  void read(const std::string& tensor, int scope) {
    if (tensor.empty()) return;
    int& at = out_.of_tensor.emplace(tensor, scope).first->second;
    at = common(at, scope);
  }

  // The innermost scope around both.
  int common(int a, int b) const {
    if (a == kNone) return b;
    const auto& all = out_.all;
    while (a != b) {
      const size_t first = static_cast<size_t>(a), second = static_cast<size_t>(b);
      (all[first].depth >= all[second].depth ? a : b) = all[first].depth >= all[second].depth ? all[first].parent : all[second].parent;
    }
    return a;
  }

  const GraphProto& graph_;
  Scopes out_;
};

}  // namespace

bool is_open(const NodeProto& node) { return node.doc_string() == kOpen; }
bool is_entry(const NodeProto& node) { return node.doc_string() == kEntry; }

void open_branches(ModelProto& model) {
  GraphProto& graph = *model.mutable_graph();
  clear_marks(graph);
  const bool any = std::ranges::any_of(graph.node(), [](const auto& node) { return node.op_type() == "If"; });
  if (!any || (opset_of(model) < 16 && holds_more_than_tensors(graph))) return;
  Opener(graph).open();
}

Content with_closed_branches(Content content) {
  const auto& nodes = content.model.graph().node();
  if (std::ranges::none_of(nodes, [](const auto& node) { return is_open(node); })) return content;
  return Closer(std::move(content)).close();
}

Scopes scopes_of(const GraphProto& graph) { return ScopeFinder(graph).find(); }

const std::string& result_of(const NodeProto& choice, int branch, int port) {
  return branch_of(choice, branch)->node(port).input(0);
}

std::string add_result(Copy& copy, const std::string& choice, int branch, const std::string& tensor,
                       const std::string& otherwise) {
  auto& nodes = *copy.content.model.mutable_graph()->mutable_node();
  const auto it = std::ranges::find_if(nodes, [&](const auto& node) { return is_open(node) && node.name() == choice; });
  EIGHTBIT_CHECK(it != nodes.end(), "there is no open If '{}'", choice);
  const std::string result = copy.new_name(choice + "/result");
  it->add_output(result);
  for (int side : {0, 1}) {
    GraphProto& body = open_branch(*it, side);
    ValueInfoProto& output = *body.add_output();
    output.set_name(copy.new_name(result + "/" + kBranches[static_cast<size_t>(side)]));
    output.mutable_type()->mutable_tensor_type()->set_elem_type(TensorProto::FLOAT);
    add_identity(body, side == branch ? tensor : otherwise, output.name());
  }
  return result;
}

}  // namespace eightbit::onnx
