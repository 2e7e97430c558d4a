#include "backends/onnx/bodies/scopes.h"

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"

namespace eightbit::onnx {
namespace {

class ScopeFinder {
 public:
  explicit ScopeFinder(const Content& content)
      : graph_(content.model.graph()), marks_(content.marks) {}

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
    const bool enters = (is_entry(marks_, node) || is_state(marks_, node)) && outside != kNone;
    for (const auto& input : node.input()) read(input, enters ? outside : scope);
    if (is_open(marks_, node)) return open(i, scope);
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
  const Marks& marks_;
  Scopes out_;
};

}  // namespace

Scopes scopes_of(const Content& content) { return ScopeFinder(content).find(); }

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

}  // namespace eightbit::onnx
