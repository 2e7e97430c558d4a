#include "backends/onnx/bodies/bodies.h"

#include <algorithm>
#include <array>
#include <utility>

#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

constexpr std::array<const char*, 2> kBranches = {"then_branch", "else_branch"};

}  // namespace

bool repeats(const NodeProto& node) { return node.op_type() != "If"; }

const GraphProto* body_of(const NodeProto& owner, int index) {
  const auto* attribute = find_attribute(
      owner, owner.op_type() == "If" ? kBranches[static_cast<size_t>(index)] : "body");
  return attribute && attribute->has_g() ? &attribute->g() : nullptr;
}
GraphProto& body_of(NodeProto& owner, int index) {
  return const_cast<GraphProto&>(*body_of(std::as_const(owner), index));
}
int body_count(const NodeProto& owner) { return owner.op_type() == "If" ? 2 : 1; }

int result_count(const NodeProto& owner, int body) { return body_of(owner, body)->output_size(); }

const std::string& result_of(const NodeProto& owner, int body, int port) {
  return body_of(owner, body)->node(port).input(0);
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

void rename(std::string& name, const Renamed& names) {
  if (const auto it = names.find(name); it != names.end()) name = it->second;
}

void rename_reads(NodeProto& node, const Renamed& names) {
  for (auto& input : *node.mutable_input()) rename(input, names);
  for (auto* body : bodies_of(node)) {
    Renamed seen = names;
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

std::string add_result(Copy& copy, const std::string& owner, int body, const std::string& tensor,
                       const std::string& otherwise, const Shape& shape) {
  auto& nodes = *copy.content.model.mutable_graph()->mutable_node();
  const auto it = std::ranges::find_if(nodes, [&](const auto& node) {
    return is_open(copy.content.marks, node) && node.name() == owner;
  });
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
