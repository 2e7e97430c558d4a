#include "analysis/layer_pairs.h"

#include <algorithm>

#include "base/error.h"
#include "graph/roles.h"

namespace eightbit {
NodeId twin_of(const Node& node, const Graph& quantized) {
  const NodeId id = quantized.find(node.name);
  if (id == kNone) return kNone;
  const Node& twin = quantized.node(id);
  const bool same_place = (twin.owner == kNone) == (node.owner == kNone);
  return twin.type == node.type && twin.outputs.size() == node.outputs.size() && same_place ? id
                                                                                            : kNone;
}

bool comparable(const Value& a, const Value& b) {
  return is_float(a.dtype) && is_float(b.dtype) && a.shape.size() == b.shape.size();
}

void check_inputs(const backends::Network& reference, const backends::Network& quantized) {
  const auto left = reference.inputs(), right = quantized.inputs();
  if (left.size() != right.size())
    fail<InvalidArgument>(
        "compare",
        "one model has {} inputs, the other {}. Compare a model with its quantized form.",
        left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i)
    if (left[i].shape != right[i].shape || left[i].dtype != right[i].dtype)
      fail<InvalidArgument>("compare",
                            "input '{}' is {}{} in one model and {}{} in the other. Compare a "
                            "model with its quantized form.",
                            left[i].name, to_string(left[i].dtype), to_string(left[i].shape),
                            to_string(right[i].dtype), to_string(right[i].shape));
}

Indexed<ValueId, bool> carries_quantized(const Graph& quantized) {
  Indexed<ValueId, bool> carries(quantized.values.size());
  for (const Node& node : quantized.nodes) {
    const auto reads = [&](ValueId input) { return input != kNone && carries[input]; };
    if (!is_quantizer(node.op) && !(passes_on(node.op) && std::ranges::any_of(node.inputs, reads)))
      continue;
    for (ValueId output : node.outputs) carries[output] = true;
  }
  return carries;
}

bool reads_quantized(const Graph& quantized, const Indexed<ValueId, bool>& carries,
                     const Node& node) {
  if (is_quantizer(node.op) || passes_on(node.op)) return false;
  return std::ranges::any_of(node.inputs, [&](ValueId input) {
    if (input == kNone) return false;
    const Value& value = quantized.value(input);
    return value.is_constant() ? value.constant->quantized : carries[input];
  });
}

std::vector<backends::Cut> cuts_between(const Graph& reference, const Graph& quantized,
                                        const Indexed<ValueId, bool>& carries) {
  std::vector<backends::Cut> cuts;
  for (const Node& node : reference.nodes) {
    const NodeId twin =
        node.op == Op::parameter || node.owner != kNone ? kNone : twin_of(node, quantized);
    if (twin == kNone) continue;
    for (size_t port = 0; port < node.outputs.size(); ++port) {
      const ValueId from = node.outputs[port], to = quantized.node(twin).outputs[port];
      const bool same = reference.value(from).dtype == quantized.value(to).dtype;
      if (same && !carries[to]) cuts.push_back({from, to});
    }
  }
  return cuts;
}

std::vector<NodeId> activation_quantizers(const Graph& reference, const Graph& quantized) {
  std::vector<NodeId> found;
  for (const Node& node : quantized.nodes) {
    const bool clips = node.op == Op::clamp && twin_of(node, reference) == kNone;
    if (node.owner == kNone && (is_quantizer(node.op) || clips)) found.push_back(node.id);
  }
  return found;
}

}  // namespace eightbit
