#include "algorithms/weight_rounding.h"

#include <algorithm>
#include <utility>

#include "algorithms/measured.h"
#include "algorithms/weights.h"
#include "base/float_tensor.h"
#include "base/parallel.h"
#include "quant/fake_quantize.h"
#include "quant/nearest_plane.h"

namespace eightbit::algorithms {
namespace {

constexpr int64_t kMostValues = 2048;   // that meet the weights of an output
constexpr int64_t kRowsOfValue = 4;     // positions that are looked at, for each of them
constexpr int64_t kFewestRows = 8;       // of a sample
constexpr double kDamping = 0.01;       // of the mean variance: what few samples can tell

int64_t activation_port(Use weight) { return 1 - weight.port; }

// What stands under the kernel of a convolution; the rows of a product. Nothing where it is not known.
std::optional<Patches> patches_of(const Graph& graph, Use use, const OutputChannels& outputs, int64_t channels) {
  const Node& node = graph.node(use.node);
  const OpRow& info = row(node.op);
  Patches patches;
  patches.groups = channels / outputs.inputs();
  if (patches.groups * outputs.inputs() != channels || outputs.count() % patches.groups != 0) return {};
  if (info.weight_layout == WeightLayout::matmul) return patches.groups == 1 ? std::optional(patches) : std::nullopt;
  const bool convolution = info.weight_layout == WeightLayout::output_first || info.weight_layout == WeightLayout::grouped;
  if (!convolution || use.port != 1 || node.attributes.auto_pad) return {};
  const Shape& shape = graph.value(node.inputs[1]).shape;
  const size_t first = info.weight_layout == WeightLayout::grouped ? 3 : 2;
  patches.kernel.assign(shape.begin() + static_cast<int64_t>(first), shape.end());
  patches.strides = node.attributes.strides;
  patches.dilations = node.attributes.dilations;
  patches.pads_begin = node.attributes.pads_begin;
  patches.pads_end = node.attributes.pads_end;
  return patches;
}

// Which weights the processor multiplies side by side.
PairLimits pair_limits(const OutputChannels& outputs, const FitTerms& terms) {
  PairLimits limits;
  if (terms.largest_input.size() == 1 && terms.largest_input[0] == 0) return limits;
  const int64_t inputs = outputs.inputs(), positions = outputs.positions(), all = inputs * positions;
  const bool overlapping = terms.pairs_cross_positions && inputs % 2 != 0 && positions > 1;
  const auto place = [&](int64_t turn) { return static_cast<int32_t>(turn % inputs * positions + turn / inputs); };
  limits.before.assign(static_cast<size_t>(all), -1);
  limits.after.assign(static_cast<size_t>(all), -1);
  limits.largest.assign(static_cast<size_t>(all), 255.0f);
  for (int64_t turn = 0; turn < all; ++turn) {
    const auto k = static_cast<size_t>(place(turn));
    const int64_t i = turn % inputs;
    if (!terms.largest_input.empty())
      limits.largest[k] = terms.largest_input[terms.largest_input.size() == 1 ? 0 : static_cast<size_t>(i)];
    if (turn > 0 && (overlapping || i % 2 == 1)) limits.before[k] = place(turn - 1);
    if (turn + 1 < all && (overlapping || (i % 2 == 0 && i + 1 < inputs))) limits.after[k] = place(turn + 1);
  }
  return limits;
}

// The weights as [outputs, inputs * positions], and back.
std::vector<float> rows_of(const OutputChannels& outputs, std::span<const float> values) {
  std::vector<float> rows;
  rows.reserve(values.size());
  for (int64_t c = 0; c < outputs.count(); ++c)
    for (int64_t i = 0; i < outputs.inputs(); ++i)
      for (int64_t s = 0; s < outputs.positions(); ++s) rows.push_back(values[static_cast<size_t>(outputs.index(c, i, s))]);
  return rows;
}

std::vector<float> from_rows(const OutputChannels& outputs, std::span<const float> rows) {
  std::vector<float> values(rows.size());
  size_t at = 0;
  for (int64_t c = 0; c < outputs.count(); ++c)
    for (int64_t i = 0; i < outputs.inputs(); ++i)
      for (int64_t s = 0; s < outputs.positions(); ++s) values[static_cast<size_t>(outputs.index(c, i, s))] = rows[at++];
  return values;
}

}  // namespace

void weight_rounding_request(const Graph& graph, const Plan& plan, records::TapRequest& taps) {
  for (const Quantizer& q : plan.quantizers) {
    if (!q.weight || q.uses.size() != 1) continue;
    const Node& node = graph.node(q.uses[0].node);
    const auto port = activation_port(q.uses[0]);
    if (row(node.op).weight_layout == WeightLayout::none || port < 0 || node.inputs.size() < 2) continue;
    const ValueId value = node.inputs[static_cast<size_t>(port)];
    if (value == kNone || graph.value(value).is_constant()) continue;
    taps.want_channels(value, activation_channel_axis(graph, node.id, static_cast<int32_t>(port)), kMinMax);
  }
}

WeightRounding::WeightRounding(const Graph& graph, const records::StatisticsData& statistics, const QuantizeOptions& options,
                               bool pairs_cross_positions, const Plan& plan, int64_t samples)
    : graph_(graph), statistics_(statistics), options_(options), crossing_(pairs_cross_positions) {
  for (size_t i = 0; i < plan.quantizers.size(); ++i)
    if (plan.quantizers[i].weight) find(i, plan, samples);
}

void WeightRounding::find(size_t quantizer, const Plan& plan, int64_t samples) {
  const Quantizer& q = plan.quantizers[quantizer];
  const WeightTerms terms(graph_, statistics_, options_, crossing_, plan);
  const auto use = terms.product_of(q);
  if (!use || q.uses.size() != 1 || q.spec.fp8 || q.spec.mode != QuantizationScheme::symmetric || !terms.searches_scale(q))
    return;
  const Node& node = graph_.node(use->node);
  if (node.owner != kNone || node.inputs.size() < 2) return;
  const ValueId value = node.inputs[static_cast<size_t>(activation_port(*use))];
  const int64_t axis = activation_channel_axis(graph_, use->node, static_cast<int32_t>(activation_port(*use)));
  if (value == kNone || axis == kNone || graph_.value(value).is_constant() || statistics_.point_of(value) == kNone)
    return;
  const int64_t channels = graph_.value(value).shape[static_cast<size_t>(axis)];
  const WeightAxes axes = terms.axes(*use);
  const OutputChannels outputs(graph_.value(q.value).shape, axes);
  if (channels < 1 || outputs.count() != static_cast<int64_t>(q.high.size())) return;
  const auto patches = patches_of(graph_, *use, outputs, channels);
  if (!patches || outputs.inputs() * outputs.positions() > kMostValues) return;
  layers_.push_back({quantizer, *use, axes, tap_for(value, axis, *patches, plan, samples)});
}

// Layers that read the same values share what is measured.
size_t WeightRounding::tap_for(ValueId value, int64_t axis, const Patches& patches, const Plan& plan, int64_t samples) {
  for (size_t t = 0; t < taps_.size(); ++t)
    if (taps_[t].value == value && taps_[t].axis == axis && patches_[t] == patches) return t;
  Plan unscaled;
  unscaled.changes = plan.changes;
  const Measured measured(graph_, statistics_, unscaled, value, {});
  const auto channels = static_cast<size_t>(graph_.value(value).shape[static_cast<size_t>(axis)]);
  auto low = measured.channel_min(), high = measured.channel_max();
  if (low.size() == 1) low.resize(channels, low[0]), high.resize(channels, high[0]);
  const int64_t size = static_cast<int64_t>(channels) / patches.groups * patches.positions();
  Tap tap;
  tap.value = value;
  tap.axis = axis;
  tap.channels = static_cast<int64_t>(channels);
  tap.moments = std::make_shared<SecondMoments>(patches, std::move(low), std::move(high),
                                                std::max<int64_t>(kFewestRows, kRowsOfValue * size / std::max<int64_t>(samples, 1)));
  taps_.push_back(std::move(tap));
  patches_.push_back(patches);
  return taps_.size() - 1;
}

int64_t WeightRounding::apply(Plan& plan) const {
  std::vector<Tensor> weights(layers_.size());
  parallel_for(static_cast<int64_t>(layers_.size()), [&](int64_t i) {
    weights[static_cast<size_t>(i)] = rounded(layers_[static_cast<size_t>(i)], plan);
  });
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Quantizer& q = plan.quantizers[layers_[i].quantizer];
    round_constant(plan, q.value, q.uses, std::move(weights[i]));
  }
  return static_cast<int64_t>(layers_.size());
}

// What smoothing multiplies the layer's inputs by, a number a channel.
std::vector<float> WeightRounding::factors(const Layer& layer, const Plan& plan) const {
  const Tap& tap = taps_[layer.tap];
  const Use input{layer.use.node, static_cast<int32_t>(activation_port(layer.use))};
  const ScaleInsertion* scale = scale_at(plan, input);
  return scale ? scale->factor : std::vector<float>(static_cast<size_t>(tap.channels), 1.0f);
}

// The variance that the quantizer in front of the layer adds to each channel: step^2 / 12.
std::vector<double> WeightRounding::input_noise(const Layer& layer, const Plan& plan) const {
  const Tap& tap = taps_[layer.tap];
  std::vector<double> noise(static_cast<size_t>(tap.channels));
  const Use input{layer.use.node, static_cast<int32_t>(activation_port(layer.use))};
  const Quantizer* q = quantizer_at(plan, input);
  if (q == nullptr || q->low.empty()) return noise;
  for (size_t c = 0; c < noise.size(); ++c) {
    const size_t at = q->low.size() == noise.size() ? c : 0;
    const double step = (static_cast<double>(q->high[at]) - q->low[at]) / (q->levels - 1);
    noise[c] = step * step / 12;
  }
  return noise;
}

Tensor WeightRounding::rounded(const Layer& layer, const Plan& plan) const {
  const Quantizer& q = plan.quantizers[layer.quantizer];
  const SecondMoments& moments = *taps_[layer.tap].moments;
  const Tensor tensor = float_weight_of(graph_, plan, q.value, layer.use);
  const OutputChannels outputs(tensor.shape, layer.axes);
  const auto top = static_cast<float>(largest_level(q.spec.bits));
  std::vector<float> rows = rows_of(outputs, to_floats(tensor)), scales;
  for (float high : q.high) scales.push_back(high / top);
  const WeightTerms terms(graph_, statistics_, options_, crossing_, plan);
  const auto kept = rows_of(outputs, to_floats(weight_of(graph_, plan, q.value, layer.use)));
  const PairLimits limits = pair_limits(outputs, terms.of(q, tensor.shape, layer.axes, top));

  const std::vector<float> factor = factors(layer, plan);
  const std::vector<double> noise = input_noise(layer, plan);
  const auto size = static_cast<size_t>(moments.size());
  const int64_t in_group = static_cast<int64_t>(factor.size()) / moments.groups();
  const int64_t together = outputs.count() / moments.groups();
  parallel_for(moments.groups(), [&](int64_t g) {
    std::vector<double> covariance = moments.covariance(g), floor(size);
    const auto channel = [&](size_t k) {
      return static_cast<size_t>(g * in_group) + k / static_cast<size_t>(outputs.positions());
    };
    double mean = 0;
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) covariance[i * size + j] *= static_cast<double>(factor[channel(i)]) * factor[channel(j)];
      mean += covariance[i * size + i] / static_cast<double>(size);
    }
    for (size_t i = 0; i < size; ++i) floor[i] = noise[channel(i)] + kDamping * mean;
    const NearestPlane plane(covariance, moments.size(), floor);
    const auto first = static_cast<size_t>(g * together), count = static_cast<size_t>(together);
    const auto part = [&](auto& all) { return std::span(all).subspan(first * size, count * size); };
    plane.round(part(rows), std::span(scales).subspan(first, count), top, limits,
                limits.largest.empty() ? std::span<const float>() : part(kept));
  });
  return Tensor::from_floats(from_rows(outputs, rows), tensor.shape);
}

}  // namespace eightbit::algorithms
