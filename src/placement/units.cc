#include "placement/units.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/ignored_scope.h"
#include "graph/patterns.h"
#include "graph/roles.h"
#include "placement/deciding_nodes.h"
#include "placement/float_arithmetic.h"
#include "placement/post_processing.h"

namespace eightbit::placement {
namespace {

bool is_transformer(const QuantizeOptions& options) {
  return options.model_type == ModelType::transformer;
}

// Collects, by node, the first reason to stay in float.
class Reasons {
 public:
  Reasons(const InferenceGraph& flow, const QuantizeOptions& options, const Device& device)
      : flow_(flow), options_(options), device_(device), reasons_(flow.graph->nodes.size()) {}

  Indexed<NodeId, std::string> collect(std::vector<std::string>& notes) {
    IgnoredNodes ignored = resolve_ignored_scope(*flow_.graph, options_.ignored_scope);
    notes = std::move(ignored.notes);
    for (size_t i = 0; i < reasons_.size(); ++i)
      if (!ignored.rule[i].empty()) reasons_[i] = "ignored by " + ignored.rule[i];
    unsupported_forms();
    patterns();
    if (is_transformer(options_)) transformer_ops();
    for (NodeId node : post_processing_nodes(flow_)) set(node, "post-processing");
    for (NodeId node : deciding_nodes(flow_)) set(node, "decides a size or a place");
    return std::move(reasons_);
  }

 private:
  void set(NodeId node, std::string_view reason) {
    std::string& slot = reasons_[node];
    if (slot.empty()) slot = reason;
  }

  void unsupported_forms() {
    for (const Node& node : flow_.graph->nodes) {
      if (node.op == Op::gru_sequence && node.attributes.linear_before_reset)
        set(node.id, "linear_before_reset");
    }
    const Indexed<NodeId, bool> floats = float_arithmetic(flow_, device_);
    for (const Node& node : flow_.graph->nodes)
      if (!device_.has_kernel(node.op))
        set(node.id, "the runtime computes it in floats");
      else if (const auto fault = device_.fault_of(*flow_.graph, node))
        set(node.id, *fault);
      else if (floats[node.id])
        set(node.id, node.op == Op::multiply ? "computes in floats whatever it reads"
                                             : "what it reads is computed in floats");
  }

  void patterns() {
    std::vector<Pattern> wanted;
    std::vector<std::pair<std::string, std::string_view>> reason_of;
    for (const IgnoredRow& row : ignored_patterns()) {
      if (row.when == IgnoredWhen::recipe_nncf && options_.recipe != Recipe::nncf) continue;
      const bool of_transformers =
          row.when == IgnoredWhen::transformer || row.when == IgnoredWhen::transformer_but_not_spr;
      if (of_transformers && !is_transformer(options_)) continue;
      if (row.when == IgnoredWhen::transformer_but_not_spr &&
          device_.target() == TargetDevice::cpu_spr)
        continue;
      for (Pattern& pattern : parse_pattern(row.text)) {
        reason_of.emplace_back(pattern.text, row.reason);
        wanted.push_back(std::move(pattern));
      }
    }
    for (const Match& match : find_matches(flow_, wanted, Strictness::open))
      for (const auto& [text, reason] : reason_of)
        if (text == match.pattern)
          for (NodeId node : match.nodes) set(node, reason);
  }

  void transformer_ops() {
    const bool spr = device_.target() == TargetDevice::cpu_spr;
    const uint32_t flags = kTransformerIgnored | (spr ? 0u : kTransformerIgnoredUnlessSpr);
    for (const Node& node : flow_.graph->nodes)
      if (has(node.op, flags)) set(node.id, "model type transformer");
  }

  const InferenceGraph& flow_;
  const QuantizeOptions& options_;
  const Device& device_;
  Indexed<NodeId, std::string> reasons_;
};

// A chain ends in front of what does not become part of its layer's kernel, and there is none where
// nothing is left.
void end_before_activations(const InferenceGraph& flow, const Device& device,
                            std::vector<Match>& chains) {
  for (Match& chain : chains)
    chain.nodes.erase(
        std::ranges::find_if(chain.nodes,
                             [&](NodeId n) { return !device.fuses_behind_layers(flow.op(n)); }),
        chain.nodes.end());
  std::erase_if(chains, [](const Match& chain) { return chain.nodes.size() < 2; });
}

std::vector<Match> fused_chains(const InferenceGraph& flow, const Device& device) {
  const bool everywhere_only =
      device.target() == TargetDevice::npu || device.target() == TargetDevice::cpu_spr;
  std::vector<Pattern> wanted;
  for (const FusedRow& row : fused_patterns()) {
    if (row.devices == FusedOn::cpu_and_gpu && everywhere_only) continue;
    for (Pattern& pattern : parse_pattern(row.text)) wanted.push_back(std::move(pattern));
  }
  std::vector<Match> chains = find_matches(flow, wanted, Strictness::closed);
  end_before_activations(flow, device, chains);
  return chains;
}

// By node: the last node of the chain that starts there; kNone for dead nodes and inside a chain.
Indexed<NodeId, NodeId> chain_ends(const InferenceGraph& flow, const std::vector<Match>& chains) {
  Indexed<NodeId, NodeId> ends(flow.graph->nodes.size(), kNone);
  for (const Node& node : flow.graph->nodes)
    if (flow.is_alive(node.id)) ends[node.id] = node.id;
  for (const Match& chain : chains) {
    for (NodeId node : chain.nodes) ends[node] = kNone;
    ends[chain.nodes.front()] = chain.nodes.back();
  }
  return ends;
}

void number_inner_nodes(UnitGraph& out, const std::vector<Match>& chains) {
  for (const Match& match : chains)
    for (NodeId node : match.nodes) out.unit_of[node] = out.unit_of[match.nodes.front()];
}

// Whether convolutions yield the value, through ops of one varying input and Concat.
bool comes_of_convolutions(const Graph& graph, ValueId value) {
  if (value == kNone || graph.value(value).producer == kNone) return false;
  const Node& node = graph.node(graph.value(value).producer);
  if (is_convolution(node.op)) return true;
  if (has(node.op, kLinear)) return false;
  std::vector<ValueId> varying = varying_inputs(graph, node);
  if (moves(node.op) && !varying.empty()) varying.resize(1);
  return !varying.empty() && (varying.size() == 1 || node.op == Op::concat) &&
         comes_of_convolutions(graph, varying[0]);
}

// Parts that are cut from one tensor, as queries and keys are, have ranges of their own. Not so
// where the convolution in front needs a quantizer behind it to compute in integers. Recipe nncf
// lets quantizers pass.
bool cuts_parts(const Graph& graph, const Node& node, const QuantizeOptions& options,
                const Device& device) {
  if (options.recipe == Recipe::nncf || node.op != Op::strided_slice || node.type != "Slice")
    return false;
  return !device.needs_quantizers_behind_layers() || !comes_of_convolutions(graph, node.inputs[0]);
}

Unit make_unit(const Graph& graph, const Node& node, NodeId last, const std::string& reason,
               const QuantizeOptions& options, const Device& device) {
  const Offer offer = device.offer(node);
  Unit unit{node.id, last, offer.trait, offer.trait, reason, offer.unified};
  if (node.op == Op::result && options.advanced_parameters.quantize_outputs)
    unit.trait = unit.natural = Trait::inputs_quantizable;
  if (!reason.empty() || cuts_parts(graph, node, options, device))
    unit.trait = Trait::non_quantizable;
  return unit;
}

// A rule that only hits the inside of a fused chain changes nothing; say so.
void note_rules_without_effect(UnitGraph& out, const Indexed<NodeId, std::string>& reasons) {
  for (const Node& node : out.flow.graph->nodes) {
    const std::string& reason = reasons[node.id];
    const int unit = out.unit_of[node.id];
    if (unit < 0 || !reason.starts_with("ignored by ")) continue;
    const NodeId first = out.units[static_cast<size_t>(unit)].first;
    if (first != node.id && reasons[first].empty())
      out.notes.push_back(
          fmt::format("ignored_scope has no effect on '{}': it is fused into '{}'; ignore that one",
                      node.name, out.flow.node(first).name));
  }
}

}  // namespace

bool UnitGraph::moves_channels(const Unit& unit) const {
  const Node& node = first(unit);
  if (node.op == Op::transpose) return true;
  if (node.op != Op::reshape && node.op != Op::flatten && node.op != Op::squeeze &&
      node.op != Op::unsqueeze)
    return false;
  const Shape& in = flow.graph->value(node.inputs[0]).shape;
  const Shape& out = flow.graph->value(last(unit).outputs[0]).shape;
  return in.size() < 2 || out.size() < 2 || in[1] != out[1] || in[1] < 0 ||
         (in[0] != out[0] && in.size() != out.size());
}

bool UnitGraph::is_activation(const Node& node, size_t port) const {
  if (node.inputs[port] == kNone || !carries_data(node.op, port)) return false;
  const Value& value = flow.graph->value(node.inputs[port]);
  return value.producer != kNone && flow.is_alive(value.producer) && is_float(value.dtype);
}

UnitGraph build_units(const Graph& graph, const QuantizeOptions& options, const Device& device) {
  UnitGraph out;
  out.flow = build_inference_graph(graph);
  const Indexed<NodeId, std::string> reasons =
      Reasons(out.flow, options, device).collect(out.notes);
  const std::vector<Match> chains = fused_chains(out.flow, device);
  const Indexed<NodeId, NodeId> last = chain_ends(out.flow, chains);
  out.unit_of.assign(graph.nodes.size(), -1);
  for (const Node& node : graph.nodes) {
    if (last[node.id] == kNone) continue;
    out.unit_of[node.id] = static_cast<int>(out.units.size());
    out.units.push_back(make_unit(graph, node, last[node.id], reasons[node.id], options, device));
  }
  number_inner_nodes(out, chains);
  note_rules_without_effect(out, reasons);
  return out;
}

}  // namespace eightbit::placement
