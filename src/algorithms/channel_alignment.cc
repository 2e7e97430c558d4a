#include "algorithms/channel_alignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/spill.h"
#include "graph/roles.h"
#include "quant/channels.h"

namespace eightbit::algorithms {
namespace {

using records::StatisticsData;

constexpr double kLow = 1e-4, kHigh = 1 - 1e-4;
constexpr float kNarrowest = 0.01f, kWidest = 100.0f;

// Two convolutions and what lies between them. Uses of biases: node kNone where there is none.
struct Pair {
  NodeId first = kNone, second = kNone;
  ValueId inner = kNone;    // output of `first`, without bias
  ValueId between = kNone;  // what `second` reads
  Use first_bias, second_bias;
  int64_t axis = 1, channels = 0;  // of the activations
};

int64_t channels_of(const Value& value) {
  const int64_t axis = channel_axis(value);
  return axis == kNone ? kNone : value.shape[static_cast<size_t>(axis)];
}

bool all_are(const std::vector<int64_t>& values, int64_t wanted) {
  return std::ranges::all_of(values, [&](int64_t v) { return v == wanted; });
}

// A convolution for which a constant added to its input is a constant added to its output.
bool is_plain(const Node& node) {
  const Attributes& a = node.attributes;
  return node.op == Op::convolution && !a.auto_pad && all_are(a.strides, 1) &&
         all_are(a.dilations, 1) && all_are(a.pads_begin, 0) && all_are(a.pads_end, 0);
}

bool has_own_weight(const Graph& graph, const Plan& plan, NodeId node) {
  const Use use{node, 1};
  if (weight_port(graph, node) != 1 || !is_own_constant(graph, use)) return false;
  const Value& weight = graph.value(graph.input(use));
  const auto replaced = [&](const ConstantReplacement& c) { return c.value == weight.id; };
  return !weight.constant->quantized && std::ranges::none_of(plan.constants, replaced);
}

// The bias behind a convolution, where it has a number for each channel.
Use bias_by_channel(const Graph& graph, const Node& convolution) {
  const auto use = bias_behind(graph, convolution.id);
  if (!use) return {};
  const Value& output = graph.value(convolution.outputs[0]);
  const Value& bias = graph.value(graph.input(*use));
  const auto rank = static_cast<int64_t>(bias.shape.size());
  const int64_t axis = rank - static_cast<int64_t>(output.shape.size()) + channel_axis(output);
  const int64_t channels = channels_of(output);
  const bool fits = axis >= 0 && axis < rank && element_count(bias.shape) == channels &&
                    bias.shape[static_cast<size_t>(axis)] == channels;
  return fits ? *use : Use{};
}

std::optional<Pair> pair_at(const Graph& graph, const Plan& plan, const Node& first) {
  const Value& inner = graph.value(first.outputs[0]);
  if (!is_convolution(first.op) || inner.shape.size() < 3 || channels_of(inner) < 1 ||
      inner.uses.size() != 1)
    return {};
  Pair pair{.first = first.id,
            .inner = inner.id,
            .between = inner.id,
            .first_bias = bias_by_channel(graph, first),
            .axis = channel_axis(inner),
            .channels = channels_of(inner)};
  if (pair.first_bias.node != kNone) pair.between = graph.node(pair.first_bias.node).outputs[0];
  const Value& between = graph.value(pair.between);
  if (between.uses.size() != 1 || between.uses[0].port != 0) return {};
  const Node& second = graph.node(between.uses[0].node);
  const auto scaled = [&](const ScaleInsertion& s) { return s.value == between.id; };
  if (!is_plain(second) || std::ranges::any_of(plan.scales, scaled)) return {};
  if (!has_own_weight(graph, plan, first.id) || !has_own_weight(graph, plan, second.id)) return {};
  pair.second = second.id;
  const Value& out = graph.value(second.outputs[0]);
  if (channels_of(out) > 0) pair.second_bias = bias_by_channel(graph, second);
  return pair;
}

std::vector<Pair> pairs_of(const Graph& graph, const Plan& plan) {
  std::vector<Pair> out;
  for (const Node& node : graph.nodes)
    if (!node.outputs.empty())
      if (auto pair = pair_at(graph, plan, node)) out.push_back(*pair);
  return out;
}

float median(std::vector<float> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : 0.5f * (values[half - 1] + values[half]);
}

struct Span {
  std::vector<float> low, high;  // by channel, medians over samples
};

Span measured_span(const StatisticsData& statistics, const Graph& graph, const Pair& pair) {
  const int point = statistics.point_of(pair.between, pair.axis);
  const Tap* tap = point == kNone ? nullptr : &statistics.points()[static_cast<size_t>(point)].tap;
  if (tap == nullptr || !tap->keep_channels || tap->quantiles != std::vector<double>{kLow, kHigh})
    fail<InvalidArgument>(
        "channel_alignment",
        "quantiles of the channels of '{}' were not measured. Quantize from data, or "
        "leave disable_channel_alignment at True.",
        graph.value(pair.between).name);
  const auto channels = static_cast<size_t>(tap->channels);
  std::vector<std::vector<float>> low(channels), high(channels);
  const auto samples = statistics.seen(point);
  if (samples.empty()) return {};
  for (int64_t k : samples) {
    const std::vector<float> kept = statistics.kept_channels(point, k);  // min, max, low, high
    for (size_t c = 0; c < channels; ++c) {
      low[c].push_back(kept[2 * channels + c]);
      high[c].push_back(kept[3 * channels + c]);
    }
  }
  Span out;
  for (size_t c = 0; c < channels; ++c) {
    out.low.push_back(median(std::move(low[c])));
    out.high.push_back(median(std::move(high[c])));
  }
  return out;
}

// Widths relative to their median; 1 for dead channels.
std::vector<float> relative_widths(const Span& span) {
  std::vector<float> widths, live;
  for (size_t c = 0; c < span.low.size(); ++c) widths.push_back(span.high[c] - span.low[c]);
  const auto alive = [](float width) { return width > std::numeric_limits<float>::epsilon(); };
  std::ranges::copy_if(widths, std::back_inserter(live), alive);
  const float middle = live.empty() ? 1.0f : median(live);
  for (float& width : widths)
    width = alive(width) ? std::clamp(width / middle, kNarrowest, kWidest) : 1.0f;
  return widths;
}

class Alignment {
 public:
  Alignment(const Graph& graph, const Pair& pair, const Span& span) : graph_(graph), pair_(pair) {
    factor_ = relative_widths(span);
    shift_.resize(factor_.size());
    if (pair.first_bias.node == kNone || pair.second_bias.node == kNone) return;
    for (size_t c = 0; c < shift_.size(); ++c) shift_[c] = 0.5f * (span.low[c] + span.high[c]);
  }

  void apply(Plan& replaced) {
    const Use weight{pair_.first, 1};
    replace(replaced, weight, output_axes(graph_, weight),
            [&](float w, size_t c) { return w / factor_[c]; });
    replace(replaced, pair_.first_bias, {kNone},
            [&](float b, size_t c) { return (b - shift_[c]) / factor_[c]; });
    moved_ = moved_bias(replaced);
    replace(replaced, pair_.second_bias, {kNone}, [&](float b, size_t c) { return b + moved_[c]; });
    replace(replaced, {pair_.second, 1}, {1}, [&](float w, size_t c) { return w * factor_[c]; });
  }

  std::vector<ChannelChange> changes() const {
    const std::vector<float> zero(factor_.size(), 0.0f);
    std::vector<ChannelChange> out{{pair_.between, pair_.axis, shift_, factor_}};
    if (pair_.inner != pair_.between) out.push_back({pair_.inner, pair_.axis, zero, factor_});
    if (pair_.second_bias.node != kNone)  // what its bias took over is missing in front of it
      out.push_back({graph_.node(pair_.second).outputs[0], pair_.axis, moved_,
                     std::vector<float>(moved_.size(), 1.0f)});
    return out;
  }

 private:
  // What the second convolution lacks when its input is lower by the shift.
  std::vector<float> moved_bias(const Plan& replaced) const {
    const Value& weight = graph_.value(graph_.input({pair_.second, 1}));
    const std::vector<float> values =
        to_floats(weight_of(graph_, replaced, weight.id, {pair_.second, 1}));
    std::vector<float> moved(static_cast<size_t>(weight.shape[0]));
    for_each_run(weight.shape, {0, 1}, [&](int64_t channel, int64_t first, int64_t count) {
      const auto o = static_cast<size_t>(channel / weight.shape[1]),
                 i = static_cast<size_t>(channel % weight.shape[1]);
      for (int64_t k = first; k < first + count; ++k)
        moved[o] += values[static_cast<size_t>(k)] * shift_[i];
    });
    return moved;
  }

  // Axes {kNone}: a bias, whose elements are the channels.
  template <typename Edit>
  void replace(Plan& replaced, Use use, const std::vector<int64_t>& axes, Edit&& edit) const {
    if (use.node == kNone) return;
    const Value& value = graph_.value(graph_.input(use));
    const Tensor old = weight_of(graph_, replaced, value.id, use);
    std::vector<float> values = to_floats(old);
    if (axes == std::vector<int64_t>{kNone}) {
      for (size_t c = 0; c < values.size(); ++c) values[c] = edit(values[c], c);
    } else {
      for_each_run(old.shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i)
          values[static_cast<size_t>(i)] =
              edit(values[static_cast<size_t>(i)], static_cast<size_t>(channel));
      });
    }
    replaced.constants.push_back(
        {value.id, {use}, spilled_floats(values, old.shape), ReplacementReason::channel_alignment});
  }

  const Graph& graph_;
  const Pair& pair_;
  std::vector<float> shift_, factor_, moved_;
};

}  // namespace

void channel_alignment_request(const Graph& graph, const Plan& plan, records::TapRequest& taps) {
  for (const Pair& pair : pairs_of(graph, plan))
    taps.want_channels(pair.between, pair.axis, kMinMax, true, {kLow, kHigh});
}

Plan channel_alignment(const Graph& graph, const StatisticsData& statistics, Plan& plan) {
  Plan replaced;
  for (const Pair& pair : pairs_of(graph, plan)) {
    const Span span = measured_span(statistics, graph, pair);
    if (static_cast<int64_t>(span.low.size()) != pair.channels) continue;
    Alignment alignment(graph, pair, span);
    alignment.apply(replaced);
    for (ChannelChange& change : alignment.changes()) plan.changes.push_back(std::move(change));
    plan.notes.push_back(fmt::format("channel_alignment: {} channels between {} and {}",
                                     pair.channels, graph.node(pair.first).name,
                                     graph.node(pair.second).name));
  }
  replaced.changes = plan.changes;
  return replaced;
}

const Algorithm kChannelAlignment = {
    .name = "channel alignment",
    .applies =
        [](const QuantizeOptions& options) {
          return !options.advanced_parameters.disable_channel_alignment;
        },
    .request = [](const Graph& graph, const Plan& plan, const QuantizeOptions&,
                  Request& request) { channel_alignment_request(graph, plan, request.taps); },
    .facts = [](const Graph& graph, const Plan& plan, const QuantizeOptions&,
                RunFacts& facts) { facts.convolution_pairs = !pairs_of(graph, plan).empty(); },
    .apply =
        [](Run& run, Plan& plan) {
          run.change_network(channel_alignment(run.graph(), run.statistics(), plan));
        },
};

}  // namespace eightbit::algorithms
