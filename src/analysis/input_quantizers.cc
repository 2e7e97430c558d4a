#include "analysis/input_quantizers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/roles.h"
#include "quant/stored_range.h"
#include "records/range_estimator.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit {
namespace {

constexpr int kBars = 96;
constexpr int kManyLevels = 1 << 24;  // so many that only clipping is left of the error

struct Found {
  NodeId layer = kNone;
  ValueId value = kNone;  // in front of the quantizer
  int64_t axis = kNone;
  QuantizedRange range;
};

// The quantizer that input `port` of a layer comes from, through dequantizers and ops that hand
// quantized values on.
const Node* quantizer_behind(const Graph& graph, const Node& layer, size_t port) {
  for (ValueId value = layer.inputs[port]; value != kNone && !graph.value(value).is_constant();) {
    const Node& node = graph.node(graph.value(value).producer);
    if (stored_range(graph, node)) return &node;
    const bool passes = node.op == Op::dequantize_linear || passes_on(node.op);
    if (!passes || node.inputs.empty()) return nullptr;
    value = node.inputs[0];
  }
  return nullptr;
}

// The axis whose ranges are compared: sequences of vectors have their channels at the end.
int64_t compared_axis(const Graph& graph, NodeId layer, size_t port) {
  const bool weighted = takes_weight(graph.node(layer).op);
  const bool sequence = graph.value(graph.node(layer).inputs[port]).shape.size() == 3;
  return !weighted && sequence
             ? 2
             : activation_channel_axis(graph, {layer, static_cast<int32_t>(port)});
}

std::vector<Found> find_quantizers(const Graph& graph, const std::vector<NodeId>& layers) {
  std::vector<Found> found;
  for (NodeId layer : layers) {
    const Node& node = graph.node(layer);
    for (size_t port = 0; port < node.inputs.size(); ++port) {
      const Node* quantizer =
          node.inputs[port] == kNone ? nullptr : quantizer_behind(graph, node, port);
      if (!quantizer || quantizer->inputs.at(0) == kNone ||
          graph.value(quantizer->inputs[0]).is_constant())
        continue;
      const ValueId value = quantizer->inputs[0];
      const bool same_shape =
          graph.value(value).shape.size() == graph.value(node.inputs[port]).shape.size();
      const int64_t axis = same_shape ? compared_axis(graph, layer, port) : kNone;
      found.push_back({layer, value, axis, *stored_range(graph, *quantizer)});
    }
  }
  return found;
}

// The counts of the logarithmic bins, spread over bars of one width.
void fill_bars(const Histogram& histogram, double first, double last, InputQuantizer& out) {
  if (!(last > first) || histogram.total() == 0) return;
  out.shares.assign(kBars, 0.0);
  const double width = (last - first) / kBars;
  out.histogram_low = first;
  out.histogram_high = last;
  const auto bar_of = [&](double x) {
    return std::clamp((x - first) / width, 0.0, static_cast<double>(kBars));
  };
  for (int sign = 0; sign < 2; ++sign)
    for (int b = 0; b < Histogram::kHalf; ++b) {
      const uint64_t count = histogram.counts[static_cast<size_t>(sign * Histogram::kHalf + b)];
      if (count == 0) continue;
      double from = Histogram::lower(b),
             to =
                 std::min<double>(Histogram::upper(b), std::max(std::fabs(first), std::fabs(last)));
      if (sign) from = -std::exchange(to, -from);
      const double begin = bar_of(std::min(from, to)),
                   end = std::max(bar_of(std::max(from, to)), begin + 1e-9);
      for (int bar = static_cast<int>(begin); bar < kBars && bar < end; ++bar) {
        const double part = std::min(end, bar + 1.0) - std::max(begin, static_cast<double>(bar));
        out.shares[static_cast<size_t>(bar)] += static_cast<double>(count) * part / (end - begin) /
                                                static_cast<double>(histogram.total());
      }
    }
}

// Values outside of the range. Of a bin that an end cuts, the part beyond it.
double share_outside(const Histogram& histogram, double low, double high) {
  double outside = 0;
  for (int sign = 0; sign < 2; ++sign)
    for (int b = 1; b < Histogram::kHalf; ++b) {
      const auto count =
          static_cast<double>(histogram.counts[static_cast<size_t>(sign * Histogram::kHalf + b)]);
      if (count == 0) continue;
      const double from = Histogram::lower(b), to = Histogram::upper(b),
                   end = std::max(sign ? -low : high, 0.0);
      outside += count * std::clamp((to - end) / (to - from), 0.0, 1.0);
    }
  return outside / static_cast<double>(std::max<uint64_t>(histogram.total(), 1));
}

// What one range costs over a range for each channel: the mean square of its width against that of
// theirs.
void compare_channels(const records::Fold& fold, InputQuantizer& out) {
  out.channels = static_cast<int64_t>(fold.min.size());
  if (out.channels < 2 || out.ranges > 1) return;
  double widest = 0, squares = 0;
  for (size_t c = 0; c < fold.min.size(); ++c) {
    const double width = std::max<double>(fold.max[c], 0) - std::min<double>(fold.min[c], 0);
    squares += width * width / static_cast<double>(out.channels);
    if (width > widest) widest = width, out.widest_channel = static_cast<int64_t>(c);
  }
  if (squares > 0) out.channel_gain = widest * widest / squares;
}

void measure_range(const Histogram& histogram, InputQuantizer& out) {
  const double power = std::max(records::mean_square(histogram), 1e-30);
  const auto error = [&](double low, double high, int levels) {
    return records::expected_error(histogram, static_cast<float>(low), static_cast<float>(high),
                                   levels) /
           power;
  };
  const double low = std::min(out.min, 0.0), high = std::max(out.max, 0.0);
  out.clipped = share_outside(histogram, out.low, out.high);
  out.clipping_error = error(out.low, out.high, kManyLevels);
  out.rounding_error = std::max(0.0, error(out.low, out.high, out.levels) - out.clipping_error);
  out.unclipped_error = error(std::min(low, out.low), std::max(high, out.high), out.levels);
  const double width = high - low, now = out.high - out.low;
  if (width > 0) out.asymmetric_gain = std::max(1.0, now * now / (width * width));
  fill_bars(histogram, std::min(low, out.low), std::max(high, out.high), out);
}

InputQuantizer describe(const Graph& graph, const Found& found, const records::StatisticsData& data,
                        int point) {
  InputQuantizer out;
  out.value = graph.value(found.value).name;
  out.low = std::ranges::min(found.range.low);
  out.high = std::ranges::max(found.range.high);
  out.levels = found.range.levels;
  out.ranges = static_cast<int64_t>(found.range.low.size());
  const records::Fold& fold = data.fold(point);
  if (fold.count == 0 || fold.min.empty()) return out;
  out.min = std::ranges::min(fold.min);
  out.max = std::ranges::max(fold.max);
  compare_channels(fold, out);
  if (!data.histogram(point).empty()) measure_range(data.histogram(point), out);
  return out;
}

}  // namespace

std::map<NodeId, std::vector<InputQuantizer>> measure_input_quantizers(
    const backends::Network& quantized, const std::vector<NodeId>& layers, int threads,
    const std::function<std::optional<Sample>()>& next, const std::function<void()>& after_sample) {
  const Graph& graph = quantized.graph();
  const std::vector<Found> quantizers = find_quantizers(graph, layers);
  std::map<NodeId, std::vector<InputQuantizer>> out;
  if (quantizers.empty()) return out;
  records::TapRequest taps(graph);
  for (const Found& found : quantizers)
    taps.want_channels(found.value, found.axis, kMinMax | kHistogram);
  records::StatisticsData data("", "", taps.points());
  const auto executor = quantized.compile(backends::Taps{data.taps()}, {threads, {}});
  int64_t number = 0;
  executor->run(next, [&](int64_t, std::span<const float> record) {
    data.add(number++, record);
    after_sample();
  });
  data.set_histograms(executor->histograms());
  for (const Found& found : quantizers) {
    int point = data.point_of(found.value, found.axis);
    if (point == kNone) point = data.point_of(found.value);
    if (point != kNone) out[found.layer].push_back(describe(graph, found, data, point));
  }
  return out;
}

}  // namespace eightbit
