#include "backends/onnx/proto/inline_functions.h"

#include <map>
#include <tuple>

#include "backends/onnx/proto/attributes.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

constexpr int kDeepestCall = 50;
constexpr int kMostNodes = 1'000'000;

using Key = std::tuple<std::string, std::string, std::string>;  // domain, name, overload
using Names = std::map<std::string, std::string>;

class Inliner {
 public:
  explicit Inliner(const ModelProto& model) {
    std::map<std::string, int64_t> imports;
    for (const auto& import : model.opset_import())
      imports[domain_of(import.domain())] = import.version();
    for (const auto& function : model.functions()) {
      bool same = true;
      for (const auto& import : function.opset_import()) {
        const auto it = imports.find(domain_of(import.domain()));
        same &= it == imports.end() || it->second == import.version();
      }
      if (same)
        functions_[{domain_of(function.domain()), function.name(), function.overload()}] =
            &function;
    }
  }

  bool empty() const { return functions_.empty(); }

  void expand(GraphProto& graph, int depth) {
    google::protobuf::RepeatedPtrField<NodeProto> nodes;
    nodes.Swap(graph.mutable_node());
    for (auto& node : nodes) place(node, graph, depth);
  }

 private:
  static std::string domain_of(const std::string& domain) {
    return is_standard(domain) ? "" : domain;
  }

  void place(NodeProto& node, GraphProto& graph, int depth) {
    const auto it = functions_.find({domain_of(node.domain()), node.op_type(), node.overload()});
    if (it != functions_.end()) return call(*it->second, node, graph, depth);
    for (auto* body : bodies_of(node)) expand(*body, depth);
    if (++count_ > kMostNodes)
      fail<ModelError>("onnx", "the model's functions unfold to more than {} nodes", kMostNodes);
    graph.add_node()->Swap(&node);
  }

  void call(const FunctionProto& function, const NodeProto& node, GraphProto& graph, int depth) {
    if (depth > kDeepestCall)
      fail<ModelError>("onnx", "function '{}' calls itself, or calls are more than {} deep",
                       function.name(), kDeepestCall);
    const std::string prefix =
        fmt::format("{}/", node.name().empty() ? node.output(0) : node.name());
    Names names;
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < node.input_size() ? node.input(i) : "";
    for (int i = 0; i < function.output_size(); ++i)
      if (i < node.output_size() && !node.output(i).empty())
        names[function.output(i)] = node.output(i);
    for (NodeProto inner : function.node()) {
      inner.set_name(prefix + (inner.name().empty() ? inner.op_type() : inner.name()));
      rename(inner, names, prefix);
      bind_attributes(inner, function, node);
      place(inner, graph, depth + 1);
    }
  }

  // Tensors of the function get names of this call; those of the caller's keep theirs.
  static std::string renamed(const std::string& name, Names& names, const std::string& prefix) {
    if (name.empty()) return name;
    return names.emplace(name, prefix + name).first->second;
  }

  static void rename(NodeProto& node, Names& names, const std::string& prefix) {
    for (auto& input : *node.mutable_input()) input = renamed(input, names, prefix);
    for (auto& output : *node.mutable_output()) output = renamed(output, names, prefix);
    for (auto* body : bodies_of(node)) rename(*body, names, prefix);
  }

  static void rename(GraphProto& body, Names& names, const std::string& prefix) {
    for (auto& input : *body.mutable_input()) input.set_name(renamed(input.name(), names, prefix));
    for (auto& initializer : *body.mutable_initializer())
      initializer.set_name(renamed(initializer.name(), names, prefix));
    for (auto& node : *body.mutable_node()) rename(node, names, prefix);
    for (auto& output : *body.mutable_output())
      output.set_name(renamed(output.name(), names, prefix));
    body.clear_value_info();
  }

  // Attributes that refer to the call's take its values, or the function's defaults, or go.
  static void bind_attributes(NodeProto& inner, const FunctionProto& function,
                              const NodeProto& call) {
    google::protobuf::RepeatedPtrField<AttributeProto> bound;
    for (auto& attribute : *inner.mutable_attribute()) {
      if (attribute.ref_attr_name().empty()) {
        bound.Add()->Swap(&attribute);
        continue;
      }
      const auto* value = find_attribute(call, attribute.ref_attr_name());
      for (const auto& standard : function.attribute_proto())
        if (!value && standard.name() == attribute.ref_attr_name()) value = &standard;
      if (!value) continue;
      *bound.Add() = *value;
      bound.rbegin()->set_name(attribute.name());
    }
    inner.mutable_attribute()->Swap(&bound);
    for (auto* body : bodies_of(inner))
      for (auto& node : *body->mutable_node()) bind_attributes(node, function, call);
  }

  std::map<Key, const FunctionProto*> functions_;
  int count_ = 0;
};

}  // namespace

void inline_functions(ModelProto& model) {
  Inliner inliner(model);
  if (inliner.empty()) return;
  for (const auto& function : model.functions())
    for (const auto& import : function.opset_import()) {
      bool known = false;
      for (const auto& own : model.opset_import())
        known |= own.domain() == import.domain() ||
                 (is_standard(own.domain()) && is_standard(import.domain()));
      if (!known) *model.add_opset_import() = import;
    }
  inliner.expand(*model.mutable_graph(), 0);
}

}  // namespace eightbit::onnx
