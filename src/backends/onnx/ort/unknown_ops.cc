#include "backends/onnx/ort/unknown_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {
namespace {

constexpr std::string_view kRefusals[] = {"is not a registered function/op",
                                          "No opset import for domain", "No Op registered for"};

// `my.ops:Locate(-1)`, or `("node", Locate, "my.ops", -1)`.
bool is_named(const NodeProto& node, std::string_view cause) {
  return cause.find(fmt::format(" {}:{}(", node.domain(), node.op_type())) != cause.npos ||
         cause.find(fmt::format(", {}, \"{}\", ", node.op_type(), node.domain())) != cause.npos;
}

const NodeProto* named_node(const GraphProto& graph, std::string_view cause) {
  for (const auto& node : graph.node()) {
    if (is_named(node, cause)) return &node;
    for (const auto* body : bodies_of(node))
      if (const NodeProto* inner = named_node(*body, cause)) return inner;
  }
  return nullptr;
}

bool holds(const NodeProto& node, const std::string& domain, const std::string& type) {
  if (node.domain() == domain && node.op_type() == type) return true;
  return std::ranges::any_of(bodies_of(node), [&](const GraphProto* body) {
    return std::ranges::any_of(body->node(),
                               [&](const NodeProto& inner) { return holds(inner, domain, type); });
  });
}

// Of f32, where the model does not say.
ValueInfoProto declared(const GraphProto& graph, const std::string& tensor) {
  for (const auto& value : graph.value_info())
    if (value.name() == tensor) return value;
  ValueInfoProto value;
  value.set_name(tensor);
  value.mutable_type()->mutable_tensor_type()->set_elem_type(TensorProto::FLOAT);
  return value;
}

}  // namespace

const NodeProto* unknown_node(const GraphProto& graph, std::string_view cause) {
  if (std::ranges::none_of(kRefusals,
                           [&](std::string_view text) { return cause.find(text) != cause.npos; }))
    return nullptr;
  return named_node(graph, cause);
}

std::string about_unknown(const NodeProto& node) {
  const std::string from =
      node.domain().empty() ? "" : fmt::format(" of the domain '{}'", node.domain());
  return fmt::format(
      "node '{}' is of type {}{}, which ONNX Runtime does not know, so the model cannot be run. "
      "Give it a function of that name "
      "(ModelProto.functions) or nodes of the standard in its place, or cut the model there "
      "(onnx.utils.extract_model) and quantize "
      "the parts",
      node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name(), node.op_type(),
      from);
}

void open_at(GraphProto& graph, const NodeProto& unknown) {
  // of a node that is about to go
  const std::string domain = unknown.domain(), type = unknown.op_type();
  auto& nodes = *graph.mutable_node();
  const auto end = std::stable_partition(
      nodes.begin(), nodes.end(), [&](const auto& node) { return !holds(node, domain, type); });
  for (auto node = end; node != nodes.end(); ++node)
    for (const auto& output : node->output())
      if (!output.empty()) *graph.add_input() = declared(graph, output);
  nodes.erase(end, nodes.end());
}

}  // namespace eightbit::onnx
