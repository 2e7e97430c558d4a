#include "backends/openvino/copy.h"

#include <algorithm>
#include <openvino/op/if.hpp>
#include <openvino/op/result.hpp>

#include "base/error.h"

namespace eightbit::openvino {
namespace {

using NodeMap = std::unordered_map<const ov::Node*, std::shared_ptr<ov::Node>>;
using Pair = std::pair<std::shared_ptr<ov::Node>, std::shared_ptr<ov::Node>>;

template <typename T>
void push_all(const std::vector<T>& from, const std::vector<T>& to, std::vector<Pair>& stack) {
  EIGHTBIT_CHECK(from.size() == to.size(), "a copied model has {} ends instead of {}", to.size(),
                 from.size());
  for (size_t i = 0; i < from.size(); ++i) stack.emplace_back(from[i], to[i]);
}

void push_ends(const ov::Model& from, const ov::Model& to, std::vector<Pair>& stack) {
  push_all(from.get_parameters(), to.get_parameters(), stack);
  push_all(from.get_sinks(), to.get_sinks(), stack);
  push_all(from.get_results(), to.get_results(), stack);
}

// The branches of an If are part of the graph (reader.h).
void push_branches(const ov::Node& from, const ov::Node& to, std::vector<Pair>& stack) {
  const auto* original = ov::as_type<const ov::op::v8::If>(&from);
  if (!original) return;
  const auto& copied = static_cast<const ov::op::v8::If&>(to);
  push_ends(*original->get_then_body(), *copied.get_then_body(), stack);
  push_ends(*original->get_else_body(), *copied.get_else_body(), stack);
}

// Walks a model and its clone side by side from their ends, so that nothing depends on names or on
// sorting.
NodeMap pair_nodes(const ov::Model& model, const ov::Model& clone) {
  NodeMap map;
  std::vector<Pair> stack;
  push_ends(model, clone, stack);
  while (!stack.empty()) {
    const auto [from, to] = stack.back();
    stack.pop_back();
    if (!map.emplace(from.get(), to).second) continue;
    EIGHTBIT_CHECK(from->get_type_info() == to->get_type_info(), "node '{}' was copied as '{}'",
                   from->get_friendly_name(), to->get_friendly_name());
    for (size_t port = 0; port < from->get_input_size(); ++port)
      stack.emplace_back(from->get_input_node_shared_ptr(port),
                         to->get_input_node_shared_ptr(port));
    const auto& order = from->get_control_dependencies();
    for (size_t i = 0; i < order.size(); ++i)
      stack.emplace_back(order[i], to->get_control_dependencies()[i]);
    push_branches(*from, *to, stack);
  }
  return map;
}

// A model output is known by the names of the tensor that its Result reads.
void move_names(const ov::Output<ov::Node>& from, const ov::Output<ov::Node>& to) {
  const auto names = from.get_tensor().get_names();
  if (names.empty()) return;
  from.get_tensor().set_names({});
  to.get_tensor().set_names(names);
}

}  // namespace

Copy copy_model(const ov::Model& model, const Reading& reading) {
  Copy copy{model.clone(), {}, {}};
  const NodeMap map = pair_nodes(model, *copy.model);
  for (const auto& node : reading.nodes) copy.nodes.push_back(map.at(node.get()));
  for (const auto& value : reading.values)
    copy.values.push_back(map.at(value.get_node())->output(value.get_index()));
  return copy;
}

void insert_between(
    const std::vector<ov::Input<ov::Node>>& inputs,
    const std::function<ov::Output<ov::Node>(const ov::Output<ov::Node>&)>& insert) {
  std::vector<std::pair<ov::Output<ov::Node>, std::vector<ov::Input<ov::Node>>>> by_source;
  for (const auto& input : inputs) {
    const auto source = input.get_source_output();
    auto it = std::ranges::find(by_source, source, [](const auto& entry) { return entry.first; });
    if (it == by_source.end()) it = by_source.insert(by_source.end(), {source, {}});
    it->second.push_back(input);
  }
  for (auto& [source, readers] : by_source) {
    const auto output = insert(source);
    const bool is_output = std::ranges::any_of(readers, [](const auto& reader) {
      return ov::is_type<ov::op::v0::Result>(reader.get_node());
    });
    for (auto& reader : readers) reader.replace_source_output(output);
    if (is_output) move_names(source, output);
  }
}

std::vector<ov::Input<ov::Node>> inputs_of(const Copy& copy, const std::vector<Use>& uses) {
  std::vector<ov::Input<ov::Node>> inputs;
  for (const Use& use : uses)
    inputs.push_back(copy.nodes[use.node]->input(static_cast<size_t>(use.port)));
  return inputs;
}

}  // namespace eightbit::openvino
