#include "kernels/kernel_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "graph/roles.h"
#include "kernels/hard_swish_blocks.h"
#include "kernels/kernel_faults.h"
#include "quant/levels.h"

namespace eightbit {
namespace {

constexpr int kTop = 255;

// Steps of channels under one zero point, and how they compare with the least that each range
// needs.
struct Steps {
  int zero_point = 0;
  std::vector<double> step;
  double excess = std::numeric_limits<double>::infinity();
};

Steps steps_with(const Quantizer& q, int zero_point) {
  Steps out{zero_point, {}, 0};
  for (size_t c = 0; c < q.low.size(); ++c) {
    const double below = std::max(0.0, -static_cast<double>(q.low[c])),
                 above = std::max(0.0, static_cast<double>(q.high[c]));
    if (below > 0 && zero_point == 0) return {};
    out.step.push_back(
        std::max(above / (kTop - zero_point), zero_point > 0 ? below / zero_point : 0.0));
    out.excess += std::pow(out.step.back() * kTop / (below + above), 2);
  }
  return out;
}

Steps least_steps(const Quantizer& q) {
  Steps best;
  for (int zero_point = 0; zero_point < kTop; ++zero_point) {
    Steps steps = steps_with(q, zero_point);
    if (steps.excess < best.excess) best = std::move(steps);
  }
  return best;
}

// A channel's step is `inner` in front and ratio * inner behind, at least what both need.
std::vector<double> inner_steps(const Steps& in, const Steps& out, double ratio) {
  std::vector<double> inner(in.step.size());
  for (size_t c = 0; c < inner.size(); ++c) inner[c] = std::max(in.step[c], out.step[c] / ratio);
  return inner;
}

// Whole numbers of the 255th part of the widest, as the gate's multiplier has 8 bits. So no factor
// is above 255.
void round_up(std::vector<double>& steps) {
  const double part = std::ranges::max(steps) / kTop;
  for (double& step : steps) step = part * std::max(1.0, std::ceil(step / part - 1e-6));
}

void assign(Quantizer& q, const std::vector<double>& steps, double ratio, int zero_point) {
  q.levels = kTop + 1;
  q.spec.mode = QuantizationScheme::asymmetric;
  for (size_t c = 0; c < steps.size(); ++c) {
    q.low[c] = static_cast<float>(-zero_point * ratio * steps[c]);
    q.high[c] = static_cast<float>((kTop - zero_point) * ratio * steps[c]);
  }
}

// What rounding in front does to the output counts as its mean slope over the channel's range.
double error_of(const Quantizer& in, const Quantizer& out, const std::vector<double>& inner,
                double ratio) {
  double error = 0;
  for (size_t c = 0; c < inner.size(); ++c) {
    const double reach_in = in.high[c] - in.low[c], reach_out = out.high[c] - out.low[c];
    error += std::pow(inner[c] / reach_in, 2) + std::pow(inner[c] * ratio / reach_out, 2);
  }
  return error;
}

void tie(Quantizer& in, Quantizer& out) {
  const Steps front = least_steps(in), back = least_steps(out);
  double best_ratio = 1, least = std::numeric_limits<double>::infinity();
  for (double octave = -10; octave <= 6; octave += 0.125) {
    const double ratio = std::exp2(octave),
                 error = error_of(in, out, inner_steps(front, back, ratio), ratio);
    if (error < least) least = error, best_ratio = ratio;
  }
  std::vector<double> inner = inner_steps(front, back, best_ratio);
  round_up(inner);
  assign(in, inner, 1.0, front.zero_point);
  assign(out, inner, best_ratio, back.zero_point);
}

// Without a gate steps are free, but factors stay within what tells channels apart in 8 bits.
void share_zero_point(Quantizer& q) {
  Steps steps = least_steps(q);
  const double least = std::ranges::max(steps.step) / kTop;
  for (double& step : steps.step) step = std::max(step, least);
  assign(q, steps.step, 1.0, steps.zero_point);
}

// Nodes that read a quantizer, layers also behind ops that move what it made.
std::set<NodeId> nodes_behind_quantizers(const Graph& graph, const Plan& plan) {
  std::set<NodeId> nodes;
  for (const Quantizer& q : plan.quantizers)
    if (!q.weight)
      for (const Use& use : q.uses) nodes.insert(use.node);
  for (const Node& node : graph.nodes)
    if (has(node.op, kLinear) && !node.inputs.empty() && reads_levels(graph, plan, {node.id, 0}))
      nodes.insert(node.id);
  return nodes;
}

// Whether a convolution with quantized inputs makes what the node yields, through ops of one input
// (a bias, an activation), or for hard swish any op with such inputs.
bool ends_in_integers(const Graph& graph, NodeId node, const std::set<NodeId>& quantized,
                      bool of_convolutions) {
  while (node != kNone && !quantized.contains(node)) {
    if (has(graph.node(node).op, kLinear)) return false;
    std::vector<NodeId> producers;
    for (ValueId input : varying_inputs(graph, graph.node(node)))
      producers.push_back(graph.value(input).producer);
    node = producers.size() == 1 ? producers[0] : kNone;
  }
  return node != kNone && (!of_convolutions || is_convolution(graph.node(node).op));
}

void free_float_activations(const Graph& graph, Plan& plan) {
  const std::set<NodeId> quantized = nodes_behind_quantizers(graph, plan);
  std::erase_if(plan.quantizers, [&](const Quantizer& q) {
    const auto reads = [&](Op op) {
      return std::ranges::all_of(q.uses,
                                 [&](const Use& use) { return graph.node(use.node).op == op; });
    };
    const bool smooth = reads(Op::swish);
    if (q.weight || !(smooth || reads(Op::hswish))) return false;
    if (ends_in_integers(graph, graph.value(q.value).producer, quantized, smooth)) return false;
    for (const Use& use : q.uses)
      plan.left_float.push_back({use.node, "what it reads is computed in float"});
    return true;
  });
  std::ranges::stable_sort(plan.left_float, {}, &FloatReason::node);
}

}  // namespace

bool is_cpu(TargetDevice target) {
  return target == TargetDevice::any || target == TargetDevice::cpu ||
         target == TargetDevice::cpu_spr;
}

Kernels kernels_for(const Kernels& runtime, const QuantizeOptions& options) {
  const bool whatever_runs_it =
      options.recipe == Recipe::nncf || options.mode || is_gna(options.target_device);
  Kernels kernels = whatever_runs_it ? Kernels{.faults = runtime.faults} : runtime;
  if (!is_cpu(options.target_device)) kernels.faults = nullptr;
  return kernels;
}

void prepare_for_kernels(const Graph& graph, const Kernels& kernels, Plan& plan) {
  leave_zero_points_out(graph, kernels, plan);
  if (kernels.layers_end_in_any_activation) return;
  free_float_activations(graph, plan);
  for (const HardSwishBlock& block : hard_swish_blocks(graph, plan)) {
    const Quantizer& output = plan.quantizers[block.output];
    if (!output.spec.per_channel) continue;
    Quantizer& input = plan.quantizers[block.input];
    input.spec.per_channel = true;
    input.spec.mode = QuantizationScheme::asymmetric;
    input.channel_axes = output.channel_axes;
  }
}

void fit_to_kernels(const Graph& graph, const Kernels& kernels, Plan& plan) {
  if (kernels.layers_end_in_any_activation) return;
  for (const HardSwishBlock& block : hard_swish_blocks(graph, plan)) {
    Quantizer& input = plan.quantizers[block.input];
    if (input.low.size() < 2) continue;
    if (block.activation == kNone)
      share_zero_point(input);
    else
      tie(input, plan.quantizers[block.output]);
  }
}

}  // namespace eightbit
