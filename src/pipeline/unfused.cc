#include "pipeline/unfused.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "quant/hard_swish_blocks.h"

namespace eightbit {
namespace {

constexpr std::string_view kOnnxRuntime = "onnxruntime", kOpenVino = "openvino",
                           kTensorRt = "tensorrt";

bool is_transposed(const Node& node) {
  const WeightLayout layout = row(node.op).weight_layout;
  return layout == WeightLayout::output_second || layout == WeightLayout::grouped_backprop;
}

// Ops that only move values around keep their integers.
bool moves(Op op) { return only_passes(op) || row(op).trait == Trait::output_as_weight; }

using Reason = std::optional<std::string_view>;  // nothing: fused

class Rules {
 public:
  Rules(const Graph& graph, const Plan& plan) : graph_(graph), plan_(plan) {
    for (const HardSwishBlock& block : hard_swish_blocks(graph, plan)) {
      blocks_.push_back(block.layer);
      scaled_.push_back(block.input);
      scaled_.push_back(block.output);
    }
  }

  // Why the runtime computes `node` in floats behind quantizer `index`; nothing where it does not.
  Reason onnxruntime(size_t index, const Node& node) const {
    const bool scaled = std::ranges::find(scaled_, index) != scaled_.end();
    if (is_transposed(node)) return "there is no integer kernel for transposed convolutions";
    if (is_convolution(node.op)) {
      const bool in_block = std::ranges::find(blocks_, node.id) != blocks_.end();
      return in_block ? Reason() : behind(node);
    }
    if (node.op == Op::mat_mul) return other_operand(node);
    if (moves(node.op) && node.op != Op::concat) return {};
    switch (node.op) {
      case Op::concat:  // its quantizer is repeated behind it
        return other_operand(node);
      case Op::add:
      case Op::multiply:
        if (const auto reason = other_operand(node)) return reason;
        return behind(node);
      case Op::avg_pool:
      case Op::sigmoid:
      case Op::softmax:
        return behind(node);
      case Op::reduce_mean:
        if (node.type != "GlobalAveragePool")
          return "means are computed in floats, global average pools are not";
        return behind(node);
      case Op::prelu:
        if (node.type != "LeakyRelu") return kNoKernel;
        return behind(node);
      case Op::hswish:  // in front of it only within a block
      case Op::swish:
        return scaled ? Reason() : Reason(kNoKernel);
      default:
        return kNoKernel;
    }
  }

  Reason openvino(const Node& node) const {
    if (is_convolution(node.op) || is_transposed(node) || node.op == Op::mat_mul)
      return other_operand(node);
    if (moves(node.op)) return {};
    switch (node.op) {
      case Op::add:
      case Op::subtract:
      case Op::maximum:
      case Op::minimum:
      case Op::avg_pool:
      case Op::adaptive_avg_pool:
      case Op::reduce_mean:
      case Op::reduce_sum:
      case Op::interpolate:
      case Op::lstm_sequence:
      case Op::gru_sequence:
        return {};
      case Op::multiply:
      case Op::divide:
        return "products of two activations are computed in floats";
      default:
        return kNoKernel;
    }
  }

  // It takes int8 with a zero point of 0 only.
  static Reason tensorrt() {
    return "takes symmetric int8 only, and activations are written as uint8, for ONNX Runtime";
  }

 private:
  static constexpr std::string_view kBehind = "no quantizer behind it",
                                    kNoKernel = "there is no integer kernel for this op",
                                    kOperand = "another operand is in floats";

  Reason behind(const Node& node) const {
    return quantized_behind(node) ? Reason() : Reason(kBehind);
  }

  // Whether all that reads the op, behind numbers and clipping activations that become part of it,
  // reads integers.
  bool quantized_behind(const Node& node) const {
    for (ValueId id = node.outputs.at(0);;) {
      const Value& value = graph_.value(id);
      const bool all = !value.uses.empty() && std::ranges::all_of(value.uses, [&](Use use) {
        return reads_integers(use);
      });
      if (all) return true;
      if (value.uses.size() != 1) return false;
      const Node& next = graph_.node(value.uses[0].node);
      const bool clips = next.op == Op::relu || next.op == Op::clamp;
      const bool number = has(next.op, kElementwise) && has_constant(next);
      if (!(clips || number || row(next.op).trait == Trait::agnostic) || next.outputs.empty())
        return false;
      id = next.outputs[0];
    }
  }

  bool has_constant(const Node& node) const {
    return std::ranges::any_of(
        node.inputs, [&](ValueId id) { return id != kNone && graph_.value(id).is_constant(); });
  }

  // A quantizer's, or what ops that move values made of them.
  bool reads_integers(Use use) const {
    if (quantizer_at(plan_, use) != nullptr) return true;
    const ValueId id = graph_.node(use.node).inputs[static_cast<size_t>(use.port)];
    const NodeId producer = graph_.value(id).producer;
    return producer != kNone && row(graph_.node(producer).op).trait == Trait::agnostic &&
           reads_integers({producer, 0});
  }

  // A reason where an operand that is computed or a weight has no quantizer.
  Reason other_operand(const Node& node) const {
    const bool weighted = row(node.op).weight_layout != WeightLayout::none;
    for (size_t i = 0; i < node.inputs.size() && (!weighted || i < 2); ++i)
      if (node.inputs[i] != kNone && !reads_integers({node.id, static_cast<int32_t>(i)}))
        return kOperand;
    return {};
  }

  const Graph& graph_;
  const Plan& plan_;
  std::vector<NodeId> blocks_;  // layers that end in a hard swish of integers
  std::vector<size_t> scaled_;  // quantizers around it: their channels become one scale
};

// Ops that compute with what `uses` read, behind others that move it; in the order of the graph.
std::set<NodeId> readers(const Graph& graph, const Plan& plan, const std::vector<Use>& uses) {
  std::set<NodeId> found;
  for (const Use& use : uses) {
    const Node& node = graph.node(use.node);
    if (node.op == Op::result || node.op == Op::shape_of) continue;  // read no values
    if (row(node.op).trait != Trait::agnostic) {
      found.insert(use.node);
      continue;
    }
    if (use.port != 0) continue;
    for (ValueId output : node.outputs) {
      std::vector<Use> next = graph.value(output).uses;
      std::erase_if(next, [&](Use u) { return quantizer_at(plan, u) != nullptr; });
      found.merge(readers(graph, plan, next));
    }
  }
  return found;
}

}  // namespace

std::vector<std::string_view> runtimes_for(std::string_view backend) {
  if (backend == "onnx") return {kOnnxRuntime, kOpenVino, kTensorRt};
  if (backend == "openvino") return {kOpenVino};
  return {};
}

std::vector<UnfusedPair> unfused_pairs(const Graph& graph, const Plan& plan,
                                       std::string_view runtime) {
  const Rules rules(graph, plan);
  std::vector<UnfusedPair> out;
  for (size_t i = 0; i < plan.quantizers.size(); ++i) {
    const Quantizer& q = plan.quantizers[i];
    if (q.weight) continue;
    for (NodeId id : readers(graph, plan, q.uses)) {
      const Node& node = graph.node(id);
      const auto reason = runtime == kOnnxRuntime ? rules.onnxruntime(i, node)
                          : runtime == kOpenVino  ? rules.openvino(node)
                                                  : Rules::tensorrt();
      if (reason)
        out.push_back({graph.value(q.value).name, node.name, node.type, std::string(runtime),
                       std::string(*reason)});
    }
  }
  return out;
}

std::string to_text(const std::vector<UnfusedPair>& pairs,
                    const std::vector<std::string_view>& runtimes) {
  std::string text;
  for (size_t i = 0; i < runtimes.size(); ++i) {
    std::map<std::string_view, int64_t> reasons;
    for (const UnfusedPair& pair : pairs) {
      if (pair.runtime != runtimes[i]) continue;
      if (i == 0)
        text += fmt::format("unfused {} -> {} ({}) | {}: {}\n", pair.quantizer, pair.node,
                            pair.type, pair.runtime, pair.reason);
      ++reasons[pair.reason];
    }
    if (i > 0)
      for (const auto& [reason, count] : reasons)
        text += fmt::format("unfused: {} pairs | {}: {}\n", count, runtimes[i], reason);
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<UnfusedPair>& pairs) {
  auto json = nlohmann::ordered_json::array();
  for (const UnfusedPair& pair : pairs)
    json.push_back({{"quantizer", pair.quantizer},
                    {"node", pair.node},
                    {"type", pair.type},
                    {"runtime", pair.runtime},
                    {"reason", pair.reason}});
  return json;
}

}  // namespace eightbit
