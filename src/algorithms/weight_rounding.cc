#include "algorithms/weight_rounding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "algorithms/bias_correction.h"
#include "algorithms/measured.h"
#include "algorithms/nearest_plane.h"
#include "base/error.h"
#include "base/float_tensor.h"
#include "base/parallel.h"
#include "base/spill.h"
#include "graph/roles.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"

namespace eightbit::algorithms {
namespace {

// Values that meet the weights of an output, and positions that are looked at for each of them.
struct Reach {
  int64_t most_values, rows_of_value;
};
constexpr Reach kQuick{800, 2}, kThorough{2048, 4};
constexpr int64_t kFewestRows = 8;  // of a sample
constexpr double kDamping = 0.01;   // of the mean variance: what few samples can tell

int64_t activation_port(Use weight) { return 1 - weight.port; }

Reach reach_of(const QuantizeOptions& options) {
  return rounds_thoroughly(options) ? kThorough : kQuick;
}

// Whether a layer is one to round, by its op and the size of its weights.
bool in_reach(const Graph& graph, const QuantizeOptions& options, Use use) {
  const Node& node = graph.node(use.node);
  if (!is_convolution(node.op) && (!rounds_thoroughly(options) || !is_product(node.op)))
    return false;
  const Shape& shape = graph.value(graph.input(use)).shape;
  return element_count(shape) <=
         reach_of(options).most_values * channel_count(shape, output_axes(graph, use));
}

// What stands under the kernel of a convolution; the rows of a product. Nothing where it is not
// known.
std::optional<Patches> patches_of(const Graph& graph, Use use, const OutputChannels& outputs,
                                  int64_t channels) {
  const Node& node = graph.node(use.node);
  Patches patches;
  patches.groups = channels / outputs.inputs();
  if (patches.groups * outputs.inputs() != channels || outputs.count() % patches.groups != 0)
    return {};
  if (is_product(node.op)) return patches.groups == 1 ? std::optional(patches) : std::nullopt;
  if (!is_convolution(node.op) || use.port != 1 || node.attributes.auto_pad) return {};
  const Shape& shape = graph.value(node.inputs[1]).shape;
  const size_t first = has_groups(node.op) ? 3 : 2;
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
  const int64_t inputs = outputs.inputs(), positions = outputs.positions(),
                all = inputs * positions;
  const bool overlapping = inputs % 2 != 0 && positions > 1;
  const auto place = [&](int64_t turn) {
    return static_cast<int32_t>(turn % inputs * positions + turn / inputs);
  };
  limits.before.assign(static_cast<size_t>(all), -1);
  limits.after.assign(static_cast<size_t>(all), -1);
  limits.largest.assign(static_cast<size_t>(all), 255.0f);
  for (int64_t turn = 0; turn < all; ++turn) {
    const auto k = static_cast<size_t>(place(turn));
    const int64_t i = turn % inputs;
    if (!terms.largest_input.empty())
      limits.largest[k] =
          terms.largest_input[terms.largest_input.size() == 1 ? 0 : static_cast<size_t>(i)];
    if (turn > 0 && (overlapping || i % 2 == 1)) limits.before[k] = place(turn - 1);
    if (turn + 1 < all && (overlapping || (i % 2 == 0 && i + 1 < inputs)))
      limits.after[k] = place(turn + 1);
  }
  return limits;
}

// The weights as [outputs, inputs * positions], and back.
std::vector<float> rows_of(const OutputChannels& outputs, std::span<const float> values) {
  std::vector<float> rows;
  rows.reserve(values.size());
  for (int64_t c = 0; c < outputs.count(); ++c)
    for (int64_t i = 0; i < outputs.inputs(); ++i)
      for (int64_t s = 0; s < outputs.positions(); ++s)
        rows.push_back(values[static_cast<size_t>(outputs.index(c, i, s))]);
  return rows;
}

std::vector<float> from_rows(const OutputChannels& outputs, std::span<const float> rows) {
  std::vector<float> values(rows.size());
  size_t at = 0;
  for (int64_t c = 0; c < outputs.count(); ++c)
    for (int64_t i = 0; i < outputs.inputs(); ++i)
      for (int64_t s = 0; s < outputs.positions(); ++s)
        values[static_cast<size_t>(outputs.index(c, i, s))] = rows[at++];
  return values;
}

}  // namespace

bool rounds_thoroughly(const QuantizeOptions& options) {
  return options.weight_rounding.has_value() || !options.fast_bias_correction;
}

void weight_rounding_request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                             records::TapRequest& taps) {
  for (const Quantizer& q : plan.quantizers) {
    if (!q.weight || q.uses.size() != 1) continue;
    const Node& node = graph.node(q.uses[0].node);
    const auto port = activation_port(q.uses[0]);
    if (port < 0 || node.inputs.size() < 2 || !in_reach(graph, options, q.uses[0])) continue;
    const ValueId value = node.inputs[static_cast<size_t>(port)];
    if (value == kNone || graph.value(value).is_constant()) continue;
    taps.want_channels(value, activation_channel_axis(graph, {node.id, static_cast<int32_t>(port)}),
                       kMinMax);
  }
}

WeightRounding::WeightRounding(const Graph& graph, const records::StatisticsData& statistics,
                               const QuantizeOptions& options, const Plan& plan, int64_t samples)
    : graph_(graph), statistics_(statistics), options_(options) {
  for (size_t i = 0; i < plan.quantizers.size(); ++i)
    if (plan.quantizers[i].weight) find(i, plan, samples);
}

void WeightRounding::find(size_t quantizer, const Plan& plan, int64_t samples) {
  const Quantizer& q = plan.quantizers[quantizer];
  const WeightTerms terms(graph_, statistics_, options_, plan);
  const auto use = terms.product_of(q);
  if (!use || q.uses.size() != 1 || !in_reach(graph_, options_, *use) || q.spec.fp8 ||
      q.spec.mode != QuantizationScheme::symmetric || !terms.searches_scale(q))
    return;
  const Node& node = graph_.node(use->node);
  if (node.owner != kNone || node.inputs.size() < 2) return;
  const ValueId value = node.inputs[static_cast<size_t>(activation_port(*use))];
  const int64_t axis =
      activation_channel_axis(graph_, {use->node, static_cast<int32_t>(activation_port(*use))});
  if (value == kNone || axis == kNone || graph_.value(value).is_constant() ||
      statistics_.point_of(value) == kNone)
    return;
  const int64_t channels = graph_.value(value).shape[static_cast<size_t>(axis)];
  const WeightAxes axes = weight_axes(graph_, *use);
  const OutputChannels outputs(graph_.value(q.value).shape, axes);
  if (channels < 1 || outputs.count() != static_cast<int64_t>(q.high.size())) return;
  const auto patches = patches_of(graph_, *use, outputs, channels);
  if (!patches) return;
  layers_.push_back({quantizer, *use, axes,
                     tap_for({use->node, static_cast<int32_t>(activation_port(*use))}, axis,
                             *patches, plan, samples)});
}

// Layers that read the same levels share what is gathered.
size_t WeightRounding::tap_for(Use input, int64_t axis, const Patches& patches, const Plan& plan,
                               int64_t samples) {
  const ValueId value = graph_.input(input);
  const auto channels = static_cast<size_t>(graph_.value(value).shape[static_cast<size_t>(axis)]);
  Levels levels = levels_of(input, channels, plan);
  for (size_t t = 0; t < taps_.size(); ++t)
    if (taps_[t].value == value && taps_[t].axis == axis && patches_[t] == patches &&
        levels_[t] == levels)
      return t;
  const int64_t size = static_cast<int64_t>(channels) / patches.groups * patches.positions();
  const int64_t rows = std::max(
      kFewestRows, reach_of(options_).rows_of_value * size / std::max<int64_t>(samples, 1));
  Tap tap;
  tap.value = value;
  tap.axis = axis;
  tap.channels = static_cast<int64_t>(channels);
  tap.statistics = 0;
  tap.moments =
      std::make_shared<SecondMoments>(patches, levels.low, levels.high, levels.levels, rows);
  taps_.push_back(std::move(tap));
  patches_.push_back(patches);
  levels_.push_back(std::move(levels));
  return taps_.size() - 1;
}

// Those of the quantizer in front of the layer; else fine ones over what each channel was measured
// to hold.
WeightRounding::Levels WeightRounding::levels_of(Use input, size_t channels,
                                                 const Plan& plan) const {
  const auto widened = [&](std::vector<float> values) {
    if (values.size() == 1) values.resize(channels, values[0]);
    return values;
  };
  const Quantizer* q = quantizer_at(plan, input);
  if (q == nullptr || q->low.empty() || q->levels > SecondMoments::kMostLevels) {
    Plan unscaled;
    unscaled.changes = plan.changes;
    const Measured measured(graph_, statistics_, unscaled, graph_.input(input), {});
    return {widened(measured.channel_min()), widened(measured.channel_max()), 255};
  }
  Levels levels{widened(q->low), widened(q->high), q->levels};
  if (const ScaleInsertion* scale = scale_at(plan, input))
    for (size_t c = 0; c < channels; ++c)
      levels.low[c] /= scale->factor[c], levels.high[c] /= scale->factor[c];
  return levels;
}

std::vector<std::vector<size_t>> WeightRounding::turns(int64_t most_bytes) const {
  std::vector<std::vector<size_t>> turns;
  int64_t bytes = 0;
  for (size_t t = 0; t < taps_.size(); ++t) {
    const int64_t more = taps_[t].moments->bytes();
    if (turns.empty() || (most_bytes > 0 && bytes + more > most_bytes)) {
      turns.emplace_back();
      bytes = 0;
    }
    turns.back().push_back(t);
    bytes += more;
  }
  return turns;
}

std::vector<Tap> WeightRounding::taps(const std::vector<size_t>& turn) const {
  std::vector<Tap> taps = taps_;
  for (size_t t = 0; t < taps.size(); ++t)
    if (!std::ranges::binary_search(turn, t)) taps[t].moments.reset();
  return taps;
}

void WeightRounding::round(const std::vector<size_t>& turn, const Plan& plan) {
  std::vector<Layer*> layers;
  for (Layer& layer : layers_)
    if (std::ranges::binary_search(turn, layer.tap)) layers.push_back(&layer);
  parallel_for(static_cast<int64_t>(layers.size()), [&](int64_t i) {
    Layer& layer = *layers[static_cast<size_t>(i)];
    layer.rounded = rounded(layer, plan);
  });
  for (size_t t : turn) taps_[t].moments->release();
}

int64_t WeightRounding::apply(Plan& plan) {
  for (Layer& layer : layers_) {
    const Quantizer& q = plan.quantizers[layer.quantizer];
    round_constant(plan, q.value, q.uses, std::move(layer.rounded));
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

Tensor WeightRounding::rounded(const Layer& layer, const Plan& plan) const {
  const Quantizer& q = plan.quantizers[layer.quantizer];
  const SecondMoments& moments = *taps_[layer.tap].moments;
  const Tensor tensor = float_weight_of(graph_, plan, q.value, layer.use);
  const OutputChannels outputs(tensor.shape, layer.axes);
  const auto top = static_cast<float>(largest_level(q.spec.bits));
  std::vector<float> rows = rows_of(outputs, to_floats(tensor)), scales;
  for (float high : q.high) scales.push_back(high / top);
  const WeightTerms terms(graph_, statistics_, options_, plan);
  const auto kept = rows_of(outputs, to_floats(weight_of(graph_, plan, q.value, layer.use)));
  const PairLimits limits = pair_limits(outputs, terms.of(q, tensor.shape, layer.axes, top));

  const std::vector<float> factor = factors(layer, plan);
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
      for (size_t j = 0; j < size; ++j)
        covariance[i * size + j] *= static_cast<double>(factor[channel(i)]) * factor[channel(j)];
      mean += covariance[i * size + i] / static_cast<double>(size);
    }
    for (size_t i = 0; i < size; ++i) floor[i] = kDamping * mean;
    const NearestPlane plane(covariance, moments.size(), floor);
    const auto first = static_cast<size_t>(g * together), count = static_cast<size_t>(together);
    const auto part = [&](auto& all) { return std::span(all).subspan(first * size, count * size); };
    plane.round(part(rows), std::span(scales).subspan(first, count), top, limits,
                limits.largest.empty() ? std::span<const float>() : part(kept));
  });
  return spilled_floats(from_rows(outputs, rows), tensor.shape);
}

namespace {

// By default where biases keep the means.
bool rounds(const QuantizeOptions& options) {
  if (options.weight_rounding) return options.weight_rounding == eightbit::WeightRounding::adaptive;
  return corrects_by_running(options) && options.recipe == Recipe::eightbit && !options.mode;
}

int64_t rounding_samples(const QuantizeOptions& options) {
  return rounds_thoroughly(options) ? kCarefulRoundingSamples : kRoundingSamples;
}

// Where the statistics keep no samples, weights stay on their nearest levels.
void round_weights(Run& run, Plan& plan) {
  const auto samples = run.samples(rounding_samples(run.options()));
  if (samples.empty() && !run.options().weight_rounding) return;
  if (samples.empty())
    fail<InvalidArgument>(
        "quantize",
        "weight_rounding adaptive needs samples, and these statistics hold none. Calibrate "
        "again, or choose nearest.");
  WeightRounding rounding(run.graph(), run.statistics(), run.options(), plan,
                          static_cast<int64_t>(samples.size()));
  if (rounding.empty()) return;
  for (const auto& turn : rounding.turns(run.most_moment_bytes())) {
    run.gather(rounding.taps(turn), samples, kWeightRounding.name);
    rounding.round(turn, plan);
  }
  plan.notes.push_back(fmt::format("weight rounding: {} layers, from {} samples",
                                   rounding.apply(plan), samples.size()));
}

}  // namespace

const Algorithm kWeightRounding = {
    .name = "weight rounding",
    .applies = rounds,
    .request =
        [](const Graph& graph, const Plan& plan, const QuantizeOptions& options, Request& request) {
          weight_rounding_request(graph, plan, options, request.taps);
        },
    .samples = rounding_samples,
    .apply = round_weights,
};

}  // namespace eightbit::algorithms
