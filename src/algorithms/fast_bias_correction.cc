#include "algorithms/fast_bias_correction.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "algorithms/bias_correction.h"
#include "algorithms/measured.h"
#include "base/error.h"
#include "graph/roles.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"

namespace eightbit::algorithms {
namespace {

constexpr double kNncfThreshold = 2;

// A layer with a quantized weight, and which axes of the weight number its outputs and inputs.
struct Layer {
  NodeId node = kNone;
  Use weight, activation;
  int64_t output_axis = 1;  // of the layer's output
  int64_t outputs = 0;
  const Quantizer* quantizer = nullptr;
  std::vector<int64_t> out, in;
};

// Axes of a weight that together number the output channels and the input channels.
void number_channels(const Graph& graph, Layer& layer) {
  const WeightAxes axes = weight_axes(graph, layer.weight);
  if (axes.output_axes.empty() || axes.input_axis == kNone) return;
  if (has_groups(graph.node(layer.node).op)) {
    layer.out = axes.output_axes;
    layer.in = {0, axes.input_axis};
  } else {
    layer.out = {axes.output_axes.back()};  // in front of it are batch axes of a product
    layer.in = {axes.input_axis};
  }
}

std::vector<Layer> layers_of(const Graph& graph, const Plan& plan) {
  std::vector<Layer> out;
  for (const auto& probe : bias_probes(graph, plan)) {
    const int32_t port = weight_port(graph, probe.corrected());
    if (port > 1 || graph.node(probe.corrected()).inputs.size() < 2) continue;
    Layer layer{probe.corrected(),
                {probe.corrected(), port},
                {probe.corrected(), 1 - port},
                probe.axis,
                probe.channels,
                nullptr,
                {},
                {}};
    layer.quantizer = quantizer_at(plan, layer.weight);
    number_channels(graph, layer);
    if (layer.quantizer != nullptr && !layer.quantizer->low.empty() && !layer.out.empty())
      out.push_back(std::move(layer));
  }
  return out;
}

// W - W_q.
std::vector<float> weight_error(const Graph& graph, const Plan& plan, const Layer& layer) {
  const ValueId value = graph.input(layer.weight);
  const Tensor stored = weight_of(graph, plan, value, layer.weight);
  std::vector<float> error = to_floats(float_weight_of(graph, plan, value, layer.weight));
  std::vector<float> rounded = to_floats(stored);
  const Quantizer& q = *layer.quantizer;
  for_each_run(stored.shape, q.channel_axes, [&](int64_t channel, int64_t first, int64_t count) {
    const size_t c = q.low.size() == 1 ? 0 : static_cast<size_t>(channel);
    fake_quantize(
        std::span(rounded).subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
        q.low[c], q.high[c], q.levels);
  });
  for (size_t i = 0; i < error.size(); ++i) error[i] -= rounded[i];
  return error;
}

// How far the channel number moves with a step along each axis, `axes` being counted row-major.
std::vector<int64_t> steps_of(const Shape& shape, const std::vector<int64_t>& axes) {
  std::vector<int64_t> steps(shape.size(), 0);
  int64_t step = 1;
  for (size_t k = axes.size(); k-- > 0;) {
    const auto axis = static_cast<size_t>(axes[k]);
    steps[axis] = std::exchange(step, step * shape[axis]);
  }
  return steps;
}

// sum over inputs and kernel of error[o, i] * mean[i].
std::vector<double> weighted_sums(std::span<const float> error, const Shape& shape,
                                  const Layer& layer, const std::vector<float>& mean) {
  const auto out_step = steps_of(shape, layer.out), in_step = steps_of(shape, layer.in);
  std::vector<double> sums(static_cast<size_t>(channel_count(shape, layer.out)));
  std::vector<int64_t> index(shape.size(), 0);
  int64_t o = 0, i = 0;
  for (float value : error) {
    sums[static_cast<size_t>(o)] += static_cast<double>(value) * mean[static_cast<size_t>(i)];
    for (size_t axis = shape.size(); axis-- > 0;) {
      o += out_step[axis], i += in_step[axis];
      if (++index[axis] < shape[axis]) break;
      o -= out_step[axis] * shape[axis], i -= in_step[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return sums;
}

// A transposed convolution spreads each input over several outputs; a product with batch axes has a
// weight for each.
double share(const Graph& graph, const Layer& layer, const Shape& shape) {
  const Node& node = graph.node(layer.node);
  if (is_product(node.op)) {
    int64_t batch = 1;
    for (size_t axis = 0; axis + 2 < shape.size(); ++axis) batch *= shape[axis];
    return 1.0 / static_cast<double>(batch);
  }
  if (!is_transposed(node.op)) return 1;
  const auto& strides = node.attributes.strides;
  return 1.0 / static_cast<double>(std::accumulate(strides.begin(), strides.end(), int64_t{1},
                                                   std::multiplies<>()));
}

// Means of the layer's input channels as the plan leaves them; empty when they were not measured.
std::vector<float> input_means(const Graph& graph, const records::StatisticsData& statistics,
                               const Plan& plan, const Layer& layer) {
  const ValueId value = graph.input(layer.activation);
  const int64_t axis = activation_channel_axis(graph, layer.activation);
  if (axis == kNone || statistics.point_of(value, axis) == kNone) return {};
  return Measured(graph, statistics, plan, value, layer.activation).channel_mean();
}

std::optional<std::vector<float>> shift_of(const Graph& graph,
                                           const records::StatisticsData& statistics,
                                           const Plan& plan, const Layer& layer) {
  const Shape& shape = graph.value(graph.input(layer.weight)).shape;
  const std::vector<float> means = input_means(graph, statistics, plan, layer);
  if (static_cast<int64_t>(means.size()) != channel_count(shape, layer.in)) return std::nullopt;
  const auto sums = weighted_sums(weight_error(graph, plan, layer), shape, layer, means);
  if (static_cast<int64_t>(sums.size()) != layer.outputs) return std::nullopt;
  const double factor = share(graph, layer, shape);
  std::vector<float> shift;
  for (double sum : sums) shift.push_back(static_cast<float>(sum * factor));
  return shift;
}

// The constant that the layer adds itself, or that alone is added to its output; empty without one.
std::vector<float> bias_of(const Graph& graph, NodeId node) {
  constexpr size_t kPort = 2;
  const auto& inputs = graph.node(node).inputs;
  if (inputs.size() > kPort && reads_constant(graph, graph.node(node), kPort))
    return to_floats(graph.value(inputs[kPort]).constant->load());
  const auto use = bias_behind(graph, node);
  return use ? to_floats(graph.value(graph.input(*use)).constant->load()) : std::vector<float>{};
}

// Elements of the bias that are 0 say nothing about what is large.
double magnitude(const std::vector<float>& shift, const std::vector<float>& bias) {
  double largest = 0;
  for (size_t c = 0; c < shift.size(); ++c) {
    const float b = bias[bias.size() == shift.size() ? c : 0];
    if (b != 0) largest = std::max(largest, std::fabs(static_cast<double>(shift[c]) / b));
  }
  return largest;
}

bool moves(const std::vector<float>& shift) {
  return std::ranges::any_of(shift, [](float x) { return x != 0; });
}

bool is_wanted(const Graph& graph, const QuantizeOptions& options, NodeId node,
               const std::vector<float>& shift) {
  if (options.recipe != Recipe::nncf) return true;
  const std::vector<float> bias = bias_of(graph, node);
  if (bias.empty()) return false;
  const auto& threshold = options.advanced_parameters.bias_correction_params.threshold;
  return magnitude(shift, bias) < threshold.value_or(kNncfThreshold);
}

}  // namespace

void fast_bias_correction_request(const Graph& graph, const Plan& plan, records::TapRequest& taps) {
  for (const auto& probe : bias_probes(graph, plan)) {
    const int32_t port = weight_port(graph, probe.corrected());
    if (port > 1 || graph.node(probe.corrected()).inputs.size() < 2) continue;
    const Use activation{probe.corrected(), 1 - port};
    const int64_t axis = activation_channel_axis(graph, activation);
    if (axis != kNone) taps.want_channels(graph.input(activation), axis, kMean);
  }
}

std::vector<BiasShift> fast_bias_shifts(const Graph& graph,
                                        const records::StatisticsData& statistics,
                                        const QuantizeOptions& options, const Plan& plan) {
  std::vector<BiasShift> out;
  for (const Layer& layer : layers_of(graph, plan)) {
    auto shift = shift_of(graph, statistics, plan, layer);
    if (shift && moves(*shift) && is_wanted(graph, options, layer.node, *shift))
      out.push_back({layer.node, layer.output_axis, std::move(*shift)});
  }
  return out;
}

}  // namespace eightbit::algorithms
