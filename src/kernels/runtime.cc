#include "kernels/runtime.h"

#include <algorithm>

#include "graph/roles.h"

namespace eightbit {
namespace {

constexpr const Runtime *kOfOnnx[] = {&kOnnxRuntime, &kOpenVino, &kTensorRt},
                        *kOfOpenVino[] = {&kOpenVino};

struct Reads {
  std::string_view backend;
  std::span<const Runtime* const> runtimes;
};
constexpr Reads kReads[] = {{"onnx", kOfOnnx}, {"openvino", kOfOpenVino}};

}  // namespace

std::span<const Runtime* const> runtimes_for(std::string_view backend) {
  const auto row = std::ranges::find(kReads, backend, &Reads::backend);
  return row == std::end(kReads) ? std::span<const Runtime* const>() : row->runtimes;
}

std::optional<std::string_view> by_rows(std::span<const KernelRow> rows,
                                        const PlannedGraph& planned, const Node& node) {
  const auto row = std::ranges::find(rows, node.op, &KernelRow::op);
  if (row == rows.end()) return kNoKernel;
  if (!row->type.empty() && row->type != node.type) return row->otherwise;
  return planned.unmet(row->needs, node);
}

PlannedGraph::PlannedGraph(const Graph& graph, const Plan& plan) : graph_(graph), plan_(plan) {
  for (const HardSwishBlock& block : hard_swish_blocks(graph, plan)) {
    blocks_.push_back(block.layer);
    around_.push_back(block.input);
    around_.push_back(block.output);
  }
}

bool PlannedGraph::is_in_block(NodeId layer) const {
  return std::ranges::find(blocks_, layer) != blocks_.end();
}

bool PlannedGraph::is_around_block(size_t quantizer) const {
  return std::ranges::find(around_, quantizer) != around_.end();
}

std::optional<std::string_view> PlannedGraph::unmet(Needs needs, const Node& node) const {
  const bool operands = needs == Needs::operands || needs == Needs::both;
  if (operands && !operands_quantized(node)) return kFloatOperand;
  const bool behind = needs == Needs::behind || needs == Needs::both;
  if (behind && !quantized_behind(node)) return kNoQuantizerBehind;
  return std::nullopt;
}

// Whether all that reads the op, behind numbers and clipping activations that become part of it,
// reads integers.
bool PlannedGraph::quantized_behind(const Node& node) const {
  for (ValueId id = node.outputs.at(0);;) {
    const Value& value = graph_.value(id);
    const bool all = !value.uses.empty() &&
                     std::ranges::all_of(value.uses, [&](Use use) { return reads_integers(use); });
    if (all) return true;
    if (value.uses.size() != 1) return false;
    const Node& next = graph_.node(value.uses[0].node);
    const bool number = has(next.op, kElementwise) && reads_any_constant(graph_, next);
    if (!(only_clips(next.op) || number || moves(next.op)) || next.outputs.empty()) return false;
    id = next.outputs[0];
  }
}

// A quantizer's, or what ops that move values made of them.
bool PlannedGraph::reads_integers(Use use) const {
  if (quantizer_at(plan_, use) != nullptr) return true;
  const NodeId producer = graph_.value(graph_.input(use)).producer;
  return producer != kNone && moves(graph_.node(producer).op) && reads_integers({producer, 0});
}

bool PlannedGraph::operands_quantized(const Node& node) const {
  const size_t count =
      takes_weight(node.op) ? std::min<size_t>(node.inputs.size(), 2) : node.inputs.size();
  for (size_t i = 0; i < count; ++i)
    if (node.inputs[i] != kNone && !reads_integers({node.id, static_cast<int32_t>(i)}))
      return false;
  return true;
}

}  // namespace eightbit
