#include "backends/onnx/bodies.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/prune.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "graph/unique_names.h"

namespace eightbit::onnx {
namespace {

using Names = std::unordered_map<std::string, std::string>;

// Marks of nodes, where every runtime lets them pass. Files have none.
constexpr std::string_view kOpen = "eightbit: open", kEntry = "eightbit: entry",
                           kState = "eightbit: state", kAside = "eightbit: aside";
constexpr std::array<const char*, 2> kBranches = {"then_branch", "else_branch"};
// Behind the name of a state: the body's own input, while it is open.
constexpr std::string_view kInput = "/input";

// Bytes of weights that bodies hold by themselves. More stay in the main graph, whose weights are
// never copied.
constexpr size_t kMostInBodies = size_t{1} << 30;

const GraphProto* body_of(const NodeProto& owner, int body) {
  const auto* attribute = find_attribute(
      owner, owner.op_type() == "If" ? kBranches[static_cast<size_t>(body)] : "body");
  return attribute && attribute->has_g() ? &attribute->g() : nullptr;
}
GraphProto& body_of(NodeProto& owner, int body) {
  return const_cast<GraphProto&>(*body_of(std::as_const(owner), body));
}
int body_count(const NodeProto& owner) { return owner.op_type() == "If" ? 2 : 1; }

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
  Opener(GraphProto& graph, int64_t opset) : opset_(opset), graph_(graph) {
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
    owner.set_doc_string(std::string(kOpen));
  }

  NodeProto& add(const std::string& type, const std::vector<std::string>& inputs,
                 const std::string& output, std::string_view mark) {
    NodeProto& node = *graph_.add_node();
    node.set_op_type(type);
    for (const auto& input : inputs) node.add_input(input);
    node.add_output(output);
    node.set_doc_string(std::string(mark));
    return node;
  }

  // A number that no runtime knows beforehand, of one element.
  std::string unknown_number(const std::string& prefix) {
    const std::string name = names_.unique(prefix + "number");
    set_attribute(add("RandomUniform", {}, name, kAside), "shape", std::vector<int64_t>{1});
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
        add("Squeeze", {vector}, number = names_.unique(name + "/scalar"), kAside);
      set_attribute(add("Cast", {number}, name, kState), "to",
                    int64_t{port == 0 ? TensorProto::INT64 : TensorProto::BOOL});
    } else if (loop || port < scanned) {
      add("Identity", {owner.input(port)}, name, kState);
    } else {
      const auto axes = ints_attribute(owner, "scan_input_axes");
      const auto axis = static_cast<size_t>(port - scanned);
      TensorProto& first = *graph_.add_initializer();
      first.set_name(names_.unique(name + "/first"));
      first.set_data_type(TensorProto::INT64);
      first.add_int64_data(0);
      set_attribute(add("Gather", {owner.input(port), first.name()}, name, kState), "axis",
                    axis < axes.size() ? axes[axis] : 0);
    }
  }

  void open(NodeProto& owner, int index, const std::string& prefix) {
    GraphProto& body = body_of(owner, index);
    Names names;
    for (const auto& outer : outer_tensors(body))
      add("Identity", {outer}, names[outer] = names_.unique(prefix + outer), kEntry);
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

void clear_marks(GraphProto& graph) {
  for (auto& node : *graph.mutable_node()) {
    if (is_open(node) || is_entry(node) || is_state(node) || is_aside(node))
      node.clear_doc_string();
    for (auto* body : bodies_of(node)) clear_marks(*body);
  }
}

class Closer {
 public:
  explicit Closer(Content content)
      : content_(std::move(content)),
        graph_(*content_.model.mutable_graph()),
        scopes_(scopes_of(graph_)) {
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
      if (is_entry(node)) sources_[node.output(0)] = node.input(0);
      if (is_state(node) && node.op_type() == "Gather") places_.insert(node.input(1));
      if (is_entry(node) || is_state(node) || is_aside(node)) gone_.insert(i);
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

  static bool is_end(const NodeProto& node) {
    return node.op_type() == "Identity" && is_standard(node.domain()) && !is_entry(node) &&
           !is_state(node);
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
      if (!is_open(node)) continue;
      node.clear_doc_string();
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
  Names sources_;                           // by tensor that an entry yields
  std::unordered_set<int> gone_;            // nodes that were there for the open form alone
  std::unordered_set<std::string> places_;  // where Scan's slices began there
  std::vector<std::vector<int>> in_scope_;  // nodes, in order
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
      if (const auto it = out_.of_tensor.find(output); it != out_.of_tensor.end())
        scope = common(scope, it->second);
    out_.of_node[static_cast<size_t>(i)] = scope;
    if (scope == kNone) return;
    const int outside = out_.all[static_cast<size_t>(scope)].parent;
    const bool enters = (is_entry(node) || is_state(node)) && outside != kNone;
    for (const auto& input : node.input()) read(input, enters ? outside : scope);
    if (is_open(node)) return open(i, scope);
    for (const auto* body : bodies_of(node))
      for (const auto& name : outer_tensors(*body)) read(name, scope);
  }

  void open(int i, int scope) {
    const NodeProto& owner = graph_.node(i);
    for (int index = 0; index < body_count(owner); ++index) {
      out_.all.push_back({i, index, scope, out_.all[static_cast<size_t>(scope)].depth + 1});
      const int inside = static_cast<int>(out_.all.size()) - 1;
      for (int port = 0; port < result_count(owner, index); ++port)
        read(result_of(owner, index, port), inside);
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
      (all[first].depth >= all[second].depth ? a : b) =
          all[first].depth >= all[second].depth ? all[first].parent : all[second].parent;
    }
    return a;
  }

  const GraphProto& graph_;
  Scopes out_;
};

}  // namespace

bool is_open(const NodeProto& node) { return node.doc_string() == kOpen; }
bool repeats(const NodeProto& node) { return node.op_type() != "If"; }
bool is_entry(const NodeProto& node) { return node.doc_string() == kEntry; }
bool is_state(const NodeProto& node) { return node.doc_string() == kState; }
bool is_aside(const NodeProto& node) { return node.doc_string() == kAside; }

void open_bodies(ModelProto& model) {
  GraphProto& graph = *model.mutable_graph();
  clear_marks(graph);
  const bool any =
      std::ranges::any_of(graph.node(), [](const auto& node) { return !bodies_of(node).empty(); });
  if (!any || (opset_of(model) < 16 && holds_more_than_tensors(graph))) return;
  Opener(graph, opset_of(model)).open();
}

Content with_closed_bodies(Content content) {
  const auto& nodes = content.model.graph().node();
  if (std::ranges::none_of(nodes, [](const auto& node) { return is_open(node); })) return content;
  return Closer(std::move(content)).close();
}

Scopes scopes_of(const GraphProto& graph) { return ScopeFinder(graph).find(); }

int result_count(const NodeProto& owner, int body) { return body_of(owner, body)->output_size(); }

const std::string& result_of(const NodeProto& owner, int body, int port) {
  return body_of(owner, body)->node(port).input(0);
}

bool keeps_shapes(const GraphProto& graph, const Scopes& scopes, int scope,
                  const TensorTypes& types) {
  const NodeProto& owner = graph.node(scopes.all[static_cast<size_t>(scope)].owner);
  if (!repeats(owner)) return true;
  const bool loop = owner.op_type() == "Loop";
  const GraphProto& body = *body_of(owner, 0);
  // The number of the iteration goes in, and of all inputs behind the states a slice.
  const int first = loop ? 1 : 0;
  const int states =
      body.input_size() - first - static_cast<int>(int_attribute(owner, "num_scan_inputs", 0));
  for (int k = 0; k < states; ++k) {
    std::string state = body.input(k + first).name();
    state.resize(state.rfind(kInput));
    const auto before = types.find(state), after = types.find(result_of(owner, 0, k));
    if (before == types.end()) continue;  // nobody reads it
    if (after == types.end() || before->second.shape != after->second.shape) return false;
  }
  return true;
}

std::string add_result(Copy& copy, const std::string& owner, int body, const std::string& tensor,
                       const std::string& otherwise, const Shape& shape) {
  auto& nodes = *copy.content.model.mutable_graph()->mutable_node();
  const auto it = std::ranges::find_if(
      nodes, [&](const auto& node) { return is_open(node) && node.name() == owner; });
  EIGHTBIT_CHECK(it != nodes.end(), "there is no open node '{}'", owner);
  const std::string result = copy.new_name(owner + "/result");
  it->add_output(result);
  for (int side = 0; side < body_count(*it); ++side) {
    GraphProto& graph = body_of(*it, side);
    ValueInfoProto& output = *graph.add_output();
    output.set_name(copy.new_name(fmt::format("{}/{}", result, side)));
    auto& type = *output.mutable_type()->mutable_tensor_type();
    type.set_elem_type(TensorProto::FLOAT);
    for (int64_t extent : shape) type.mutable_shape()->add_dim()->set_dim_value(extent);
    add_identity(graph, side == body ? tensor : otherwise, output.name());
  }
  // Scan has them for each of the tensors that it stacks, or for none.
  for (const char* name : {"scan_output_axes", "scan_output_directions"})
    if (auto list = ints_attribute(*it, name); !list.empty()) {
      list.push_back(0);
      set_attribute(*it, name, list);
    }
  return result;
}

}  // namespace eightbit::onnx
