#include "kernels/hard_swish_blocks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "base/spill.h"
#include "graph/roles.h"
#include "kernels/one_range.h"
#include "quant/channels.h"
#include "quant/levels.h"

namespace eightbit {
namespace {

class Finder {
 public:
  Finder(const Graph& graph, const Plan& plan) : graph_(graph), plan_(plan) {}

  // Around a hard swish or swish.
  std::optional<HardSwishBlock> at(const Node& activation) const {
    HardSwishBlock block;
    block.activation = activation.id;
    const auto input = quantizer_of(activation.inputs[0]);
    const auto layer = layer_before(activation.inputs[0], block.before);
    const auto output = quantizer_of(result_of(activation.outputs[0], block.behind));
    if (!input || !layer || !output) return std::nullopt;
    block.input = *input, block.output = *output, block.layer = *layer;
    if (!scales_can_be_moved(block)) return std::nullopt;
    return block;
  }

  // Without hard swish. An activation that clips in front of the quantizer is what the quantizer
  // does anyway, where its range begins at 0.
  std::optional<HardSwishBlock> at(size_t index) const {
    const Quantizer& quantizer = plan_.quantizers[index];
    if (quantizer.weight || quantizer.low.size() < 2) return std::nullopt;
    HardSwishBlock block;
    const auto all = quantizer_of(quantizer.value);
    ValueId at = quantizer.value;
    if (const NodeId producer = graph_.value(at).producer;
        producer != kNone && clips_at_zero(graph_.node(producer), quantizer)) {
      block.clip = producer;
      at = graph_.node(producer).inputs[0];
    }
    const auto layer = layer_before(at, block.before);
    if (all != index || !layer) return std::nullopt;
    block.input = block.output = index, block.layer = *layer;
    return scales_can_be_moved(block) ? std::optional(block) : std::nullopt;
  }

 private:
  // The quantizer that all readers of an f32 value read.
  std::optional<size_t> quantizer_of(ValueId id) const {
    const Value& value = graph_.value(id);
    const auto is_it = [&](const Quantizer& q) {
      return q.value == id && q.uses == value.uses && q.spec.bits == 8 &&
             (q.levels == 256 || q.low.empty()) && !q.spec.fp8;
    };
    const auto it = std::ranges::find_if(plan_.quantizers, is_it);
    const auto is_result = [&](const Use& use) { return graph_.node(use.node).op == Op::result; };
    if (it == plan_.quantizers.end() || value.dtype != DType::f32 ||
        std::ranges::any_of(value.uses, is_result))
      return std::nullopt;
    return static_cast<size_t>(it - plan_.quantizers.begin());
  }

  // One range for all channels, where it costs little, covers what new samples have beyond the
  // range of a channel.
  static bool clips_at_zero(const Node& node, const Quantizer& quantizer) {
    return with_one_range(quantizer).low.size() > 1 &&
           (node.op == Op::relu || node.op == Op::clamp) && node.inputs[0] != kNone &&
           std::ranges::all_of(quantizer.low, [](float low) { return low == 0.0f; });
  }

  // What a node makes of its one input that is no number, and that input.
  std::optional<std::pair<Numbers, ValueId>> numbers_of(const Node& node) const {
    const bool commutes = node.op == Op::multiply || node.op == Op::add;
    if ((!commutes && node.op != Op::subtract && node.op != Op::divide) || node.inputs.size() != 2)
      return std::nullopt;
    for (int port = commutes ? 0 : 1; port < 2; ++port) {
      const ValueId constant = node.inputs[static_cast<size_t>(port)],
                    other = node.inputs[static_cast<size_t>(1 - port)];
      if (constant == kNone || other == kNone || graph_.value(other).is_constant() ||
          !is_number(constant, other))
        continue;
      const float number = to_floats(weight_of(graph_, plan_, constant, {node.id, port}))[0];
      if (node.op == Op::add || node.op == Op::subtract)
        return std::pair{Numbers{1, node.op == Op::add ? number : -number}, other};
      return std::pair{Numbers{node.op == Op::multiply ? number : 1 / number, 0}, other};
    }
    return std::nullopt;
  }

  bool is_number(ValueId id, ValueId beside) const {
    const Value& value = graph_.value(id);
    const Value& other = graph_.value(beside);
    return value.is_constant() && value.dtype == DType::f32 && element_count(value.shape) == 1 &&
           other.rank_known && value.shape.size() <= other.shape.size();
  }

  std::optional<NodeId> layer_before(ValueId at, Numbers& numbers) const {
    while (graph_.value(at).uses.size() == 1 && graph_.value(at).producer != kNone) {
      const Node& node = graph_.node(graph_.value(at).producer);
      if (is_convolution(node.op))
        return is_quantized(node) ? std::optional(node.id) : std::nullopt;
      const auto step = numbers_of(node);
      if (!step || !(step->first.factor > 0)) return std::nullopt;
      numbers = {numbers.factor * step->first.factor,
                 numbers.shift + numbers.factor * step->first.shift};
      at = step->second;
    }
    return std::nullopt;
  }

  ValueId result_of(ValueId at, Numbers& numbers) const {
    while (graph_.value(at).uses.size() == 1) {
      const Node& node = graph_.node(graph_.value(at).uses[0].node);
      const auto step = numbers_of(node);
      if (!step || !(step->first.factor > 0)) return at;
      numbers = {numbers.factor * step->first.factor,
                 numbers.shift * step->first.factor + step->first.shift};
      at = node.outputs[0];
    }
    return at;
  }

  bool is_quantized(const Node& layer) const {
    return reads_levels(graph_, plan_, {layer.id, 0}) && has_own_weight(layer.id) &&
           has_own_bias(layer);
  }

  bool has_own_weight(NodeId layer) const {
    const Quantizer* quantizer = quantizer_at(plan_, {layer, 1});
    return is_own_constant(graph_, {layer, 1}) &&
           !(quantizer && (quantizer->spec.fp8 || quantizer->spec.bits > 8));
  }

  bool has_own_bias(const Node& layer) const {
    if (layer.inputs.size() < 3 || layer.inputs[2] == kNone) return true;
    const Value& bias = graph_.value(layer.inputs[2]);
    const Value& output = graph_.value(layer.outputs[0]);
    const int64_t axis = channel_axis(output);
    return bias.is_constant() && bias.shape.size() == 1 && axis != kNone &&
           bias.shape[0] == output.shape[static_cast<size_t>(axis)];
  }

  // Where channels have scales of their own, the layers behind must be depthwise, as only these
  // keep channels apart.
  bool scales_can_be_moved(const HardSwishBlock& block) const {
    const Quantizer& input = plan_.quantizers[block.input];
    const Quantizer& output = plan_.quantizers[block.output];
    const bool by_channel = input.low.size() > 1;
    if (!by_channel) return output.low.size() <= 1;
    return output.low.size() == input.low.size() &&
           std::ranges::all_of(output.uses, [&](const Use& use) {
             return graph_.node(use.node).op == Op::depthwise_convolution && use.port == 0 &&
                    has_own_weight(use.node);
           });
  }

  const Graph& graph_;
  const Plan& plan_;
};

float step_of(const Quantizer& q, size_t c) {
  return (q.high[c] - q.low[c]) / static_cast<float>(q.levels - 1);
}

class Scaler {
 public:
  Scaler(const Graph& graph, const Plan& plan) : graph_(graph), plan_(plan) {}

  void scale(const HardSwishBlock& block) {
    const std::vector<float> factors = channel_factors(plan_.quantizers[block.input]);
    const auto factor = [&](int64_t channel) {
      return factors[factors.size() == 1 ? 0 : static_cast<size_t>(channel)];
    };
    scale_weight(block.layer,
                 [&](int64_t channel) { return block.before.factor * factor(channel); });
    scale_bias(block, factor);
    if (factors.size() > 1)
      for (const Use& use : plan_.quantizers[block.output].uses) take_back(use.node, factors);
    join(plan_.quantizers[block.input], factors);
    join(plan_.quantizers[block.output], factors);
  }

  Plan plan() { return std::move(plan_); }

 private:
  void scale_weight(NodeId layer, const std::function<float(int64_t)>& factor) {
    const Use use{layer, 1};
    const std::vector<int64_t> axes = output_axes(graph_, {layer, 1});
    const ValueId value = graph_.node(layer).inputs[1];
    const Tensor weight = weight_of(graph_, plan_, value, use);
    std::vector<float> values = to_floats(weight);
    for_each_run(weight.shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
      for (int64_t i = first; i < first + count; ++i)
        values[static_cast<size_t>(i)] *= factor(channel);
    });
    plan_.constants.push_back(
        {value, {use}, spilled_floats(values, weight.shape), ReplacementReason::channel_scales});
    for (Quantizer& q : plan_.quantizers)
      if (reads(q.uses, use)) scale_range(q, axes, channel_count(weight.shape, axes), factor);
  }

  static void scale_range(Quantizer& q, const std::vector<int64_t>& axes, int64_t channels,
                          const std::function<float(int64_t)>& factor) {
    if (q.low.size() == 1) {
      q.low.assign(static_cast<size_t>(channels), q.low[0]);
      q.high.assign(static_cast<size_t>(channels), q.high[0]);
      q.channel_axes = axes;
    }
    for (int64_t c = 0; c < channels; ++c) {
      q.low[static_cast<size_t>(c)] *= factor(c);
      q.high[static_cast<size_t>(c)] *= factor(c);
    }
  }

  void scale_bias(const HardSwishBlock& block, const std::function<float(int64_t)>& factor) {
    const Node& layer = graph_.node(block.layer);
    const Tensor weight = graph_.value(layer.inputs[1]).constant->load();
    std::vector<float> bias(
        static_cast<size_t>(channel_count(weight.shape, output_axes(graph_, {block.layer, 1}))));
    if (layer.inputs.size() > 2 && layer.inputs[2] != kNone)
      bias = to_floats(weight_of(graph_, plan_, layer.inputs[2], {block.layer, 2}));
    auto shift = std::ranges::find(plan_.biases, block.layer, &BiasShift::node);
    if (shift == plan_.biases.end())
      shift = plan_.biases.insert(shift, {block.layer, 1, std::vector<float>(bias.size())});
    for (size_t c = 0; c < bias.size(); ++c) {
      const float planned = block.before.factor * (bias[c] + shift->shift[c]) + block.before.shift;
      shift->shift[c] = factor(static_cast<int64_t>(c)) * planned - bias[c];
    }
  }

  void take_back(NodeId layer, const std::vector<float>& factors) {
    const Shape shape = graph_.value(graph_.node(layer).inputs[1]).shape;
    const auto outputs = static_cast<size_t>(channel_count(shape, output_axes(graph_, {layer, 1})));
    const size_t each = outputs / factors.size();  // output channels of an input channel
    scale_weight(layer,
                 [&](int64_t channel) { return 1 / factors[static_cast<size_t>(channel) / each]; });
  }

  static void join(Quantizer& q, const std::vector<float>& factors) {
    if (q.low.size() == 1) return;
    q.low = {q.low[0] * factors[0]};
    q.high = {q.high[0] * factors[0]};
    q.channel_axes.clear();
    q.spec.per_channel = false;
  }

  const Graph& graph_;
  Plan plan_;
};

}  // namespace

std::vector<HardSwishBlock> hard_swish_blocks(const Graph& graph, const Plan& plan) {
  std::vector<HardSwishBlock> blocks;
  const Finder finder(graph, plan);
  for (const Node& node : graph.nodes)
    if (node.op == Op::hswish || node.op == Op::swish)
      if (const auto block = finder.at(node)) blocks.push_back(*block);
  const auto taken = [&](size_t i) {
    return std::ranges::any_of(
        blocks, [&](const HardSwishBlock& b) { return b.input == i || b.output == i; });
  };
  for (size_t i = 0; i < plan.quantizers.size(); ++i)
    if (const auto block = finder.at(i); block && !taken(i)) blocks.push_back(*block);
  return blocks;
}

bool shares_zero_point(const Quantizer& quantizer) {
  constexpr double kClose = 1e-3;  // of a level
  for (size_t c = 0; c < quantizer.low.size(); ++c) {
    const double zero_point = -quantizer.low[c] / step_of(quantizer, c);
    if (std::fabs(zero_point + quantizer.low[0] / step_of(quantizer, 0)) > kClose) return false;
  }
  return true;
}

std::vector<float> channel_factors(const Quantizer& quantizer) {
  std::vector<float> factors;
  float widest = 0;
  for (size_t c = 0; c < quantizer.low.size(); ++c)
    widest = std::max(widest, step_of(quantizer, c));
  for (size_t c = 0; c < quantizer.low.size(); ++c)
    factors.push_back(widest / step_of(quantizer, c));
  return factors;
}

Plan with_scaled_blocks(const Graph& graph, const Plan& plan,
                        const std::vector<HardSwishBlock>& blocks) {
  Scaler scaler(graph, plan);
  for (const HardSwishBlock& block : blocks) scaler.scale(block);
  return scaler.plan();
}

}  // namespace eightbit
