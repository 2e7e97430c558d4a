#include "placement/float_arithmetic.h"

#include <algorithm>

#include "graph/roles.h"

namespace eightbit::placement {
namespace {

bool saves_traffic_only(Op op) { return has_kernel_traits(op, kSavesTraffic); }

class Origins {
 public:
  Origins(const InferenceGraph& flow, const Device& device)
      : flow_(flow), graph_(*flow.graph), device_(device), in_integers_(graph_.values.size()) {}

  Indexed<NodeId, bool> run() {
    Indexed<NodeId, bool> floats(graph_.nodes.size());
    for (const Node& node : graph_.nodes) {
      floats[node.id] = is_float_arithmetic(node);
      const bool integers = yields_integers(node);
      for (ValueId output : node.outputs) in_integers_[output] = integers;
    }
    return floats;
  }

 private:
  std::vector<ValueId> varying(const Node& node) const {
    std::vector<ValueId> out = varying_inputs(graph_, node);
    std::erase_if(out, [&](ValueId input) { return !is_float(graph_.value(input).dtype); });
    return out;
  }
  bool reads_integers(ValueId value) const { return in_integers_[value]; }

  bool needs_floats(const Node& node) const {
    return !device_.has_kernel(node.op) ||
           (node.op == Op::multiply && device_.multiplies_in_floats() && varying(node).size() > 1);
  }

  bool is_float_arithmetic(const Node& node) const {
    if (!flow_.is_alive(node.id)) return false;
    if (needs_floats(node)) return true;
    if (!saves_traffic_only(node.op)) return false;
    const auto inputs = varying(node);
    return !std::ranges::all_of(inputs, [&](ValueId v) { return reads_integers(v); }) ||
           // which has the value written in floats
           (inputs.size() == 1 && has_float_reader(inputs[0]));
  }

  bool has_float_reader(ValueId value) const {
    return std::ranges::any_of(graph_.value(value).uses, [&](const Use& use) {
      return flow_.is_alive(use.node) && needs_floats(graph_.node(use.node));
    });
  }

  // Whether a value comes out of an integer kernel, as far as ops go.
  bool yields_integers(const Node& node) const {
    if (takes_weight(node.op) || node.op == Op::scaled_dot_product_attention)
      return device_.has_kernel(node.op);
    const auto inputs = varying(node);
    const auto reads = [&](ValueId v) { return reads_integers(v); };
    if (joins(node.op)) return std::ranges::any_of(inputs, reads);
    if (saves_traffic_only(node.op) && inputs.size() > 1) return std::ranges::all_of(inputs, reads);
    if (saves_traffic_only(node.op) || passes_on(node.op))
      return !inputs.empty() && reads(inputs[0]);
    return has_kernel_traits(node.op, kFollowsKernel) && inputs.size() == 1 && reads(inputs[0]);
  }

  const InferenceGraph& flow_;
  const Graph& graph_;
  const Device& device_;
  Indexed<ValueId, bool> in_integers_;
};

}  // namespace

Indexed<NodeId, bool> float_arithmetic(const InferenceGraph& flow, const Device& device) {
  if (device.has_arithmetic()) return Indexed<NodeId, bool>(flow.graph->nodes.size());
  return Origins(flow, device).run();
}

}  // namespace eightbit::placement
