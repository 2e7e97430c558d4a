#include "graph/graph.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace eightbit {

ValueId Graph::add_constant(std::string name, DType dtype, Shape shape, Constant constant) {
  Value value;
  value.id = static_cast<ValueId>(values.size());
  value.name = std::move(name);
  value.dtype = dtype;
  value.shape = std::move(shape);
  value.constant = std::make_shared<const Constant>(std::move(constant));
  values.push_back(std::move(value));
  return values.back().id;
}

NodeId Graph::add_node(std::string name, std::string type, Op op, std::vector<ValueId> inputs,
                       Attributes attributes) {
  Node node;
  node.id = static_cast<NodeId>(nodes.size());
  node.name = std::move(name);
  node.type = std::move(type);
  node.op = op;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  for (int32_t port = 0; port < static_cast<int32_t>(node.inputs.size()); ++port)
    if (node.inputs[port] != kNone) values[node.inputs[port]].uses.push_back({node.id, port});
  by_name_.emplace(node.name, node.id);
  nodes.push_back(std::move(node));
  return nodes.back().id;
}

ValueId Graph::add_output(NodeId producer, DType dtype, Shape shape, bool rank_known) {
  Node& owner = nodes[producer];
  Value value;
  value.id = static_cast<ValueId>(values.size());
  value.producer = producer;
  value.port = static_cast<int32_t>(owner.outputs.size());
  value.name = value.port == 0 ? owner.name : owner.name + ":" + std::to_string(value.port);
  value.dtype = dtype;
  value.shape = std::move(shape);
  value.rank_known = rank_known;
  value.channels_last = owner.attributes.channels_last;
  owner.outputs.push_back(value.id);
  values.push_back(std::move(value));
  return values.back().id;
}

std::vector<NodeId> Graph::predecessors(NodeId id) const {
  std::vector<NodeId> out;
  for (ValueId input : node(id).inputs)
    if (input != kNone && value(input).producer != kNone) out.push_back(value(input).producer);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

NodeId Graph::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? kNone : it->second;
}

std::string Graph::use_name(Use use) const {
  return node(use.node).name + ":" + std::to_string(use.port);
}

std::vector<std::string> Graph::use_names(const std::vector<Use>& uses) const {
  std::vector<std::string> names;
  for (const Use& use : uses) names.push_back(use_name(use));
  return names;
}

std::optional<Use> Graph::find_use(std::string_view name) const {
  const size_t colon = name.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Use use{find(std::string(name.substr(0, colon))), kNone};
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + colon + 1, end, use.port);
  if (use.node == kNone || error != std::errc{} || stop != end || use.port < 0) return std::nullopt;
  const auto& inputs = node(use.node).inputs;
  if (use.port >= static_cast<int32_t>(inputs.size()) ||
      inputs[static_cast<size_t>(use.port)] == kNone)
    return std::nullopt;
  return use;
}

void Graph::check() const {
  NodeId place = 0;
  for (const Node& n : nodes) {
    EIGHTBIT_CHECK(n.id == place, "node '{}' has id {} at place {}", n.name, n.id, place);
    ++place;
    for (size_t port = 0; port < n.inputs.size(); ++port) {
      if (n.inputs[port] == kNone) continue;
      const Value& v = value(n.inputs[port]);
      EIGHTBIT_CHECK(v.producer < n.id, "node '{}' comes before its producer", n.name);
      EIGHTBIT_CHECK(std::ranges::binary_search(v.uses, Use{n.id, static_cast<int32_t>(port)}),
                     "use {} is not recorded", use_name({n.id, static_cast<int32_t>(port)}));
    }
    for (size_t port = 0; port < n.outputs.size(); ++port)
      EIGHTBIT_CHECK(value(n.outputs[port]).producer == n.id,
                     "output {} of '{}' has another producer", port, n.name);
  }
  EIGHTBIT_CHECK(by_name_.size() == nodes.size(), "{} names for {} nodes", by_name_.size(),
                 nodes.size());
  for (const Value& v : values)
    EIGHTBIT_CHECK((v.producer == kNone) == v.is_constant(),
                   "value '{}' has neither producer nor data", v.name);
}

}  // namespace eightbit
