#include "algorithms/ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/test_network.h"
#include "base/error.h"
#include "quant/fake_quantize.h"

namespace eightbit::algorithms {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

// Two convolutions, one behind the other.
struct Network {
  Graph graph;
  ValueId input, middle;
  std::vector<float> first_weight, second_weight;

  Network() {
    Random random(6);
    first_weight = random.normal(4 * 2 * 9, 1);
    second_weight = random.normal(3 * 4, 1);
    input = add_input(graph, {1, 2, 6, 6});
    middle = add_layer(graph, "first", Op::convolution, input,
                       add_weight(graph, "w1", first_weight, {4, 2, 3, 3}), {1, 4, 4, 4});
    add_layer(graph, "second", Op::convolution, middle,
              add_weight(graph, "w2", second_weight, {3, 4, 1, 1}), {1, 3, 4, 4});
  }

  Quantizer activation(QuantizerSpec spec) const {
    return quantizer_of(input, {1, 0}, spec, false,
                        spec.per_channel ? std::vector<int64_t>{1} : std::vector<int64_t>{});
  }
  Quantizer weight(NodeId node,
                   QuantizerSpec spec = {
                       .signedness = true, .per_channel = true, .narrow_range = true}) const {
    return quantizer_of(graph.node(node).inputs[1], {node, 1}, spec, true, {0});
  }

  // Three samples of two channels.
  static std::vector<Left> samples() {
    return {{{-1, -4}, {2, 1}}, {{-2, 0}, {3, 2}}, {{-3, -1}, {10, 1}}};
  }

  Plan run(std::vector<Quantizer> quantizers, QuantizeOptions options,
           const std::vector<Left>& per_channel = samples()) const {
    Plan plan;
    plan.quantizers = std::move(quantizers);
    records::TapRequest taps(graph);
    ranges_request(graph, plan, options, taps);
    std::vector<Left> per_tensor;
    for (const Left& left : per_channel)
      per_tensor.push_back({{std::ranges::min(left.min)}, {std::ranges::max(left.max)}, {}, {}});
    const auto points = taps.points();
    const bool channels = !points.empty() && points[0].tap.channels > 1;
    find_ranges(graph, statistics_of(taps, channels ? per_channel : per_tensor), options, plan);
    return plan;
  }

  Quantizer only(QuantizerSpec spec, const QuantizeOptions& options) const {
    return run({activation(spec)}, options).quantizers[0];
  }
};

QuantizeOptions nncf() {
  QuantizeOptions options;
  options.recipe = Recipe::nncf;
  return options;
}

QuantizeOptions estimators(StatisticsCollectorParameters min, StatisticsCollectorParameters max) {
  QuantizeOptions options = nncf();
  options.advanced_parameters.activations_range_estimator_params = {min, max};
  return options;
}

constexpr QuantizerSpec kAsymmetric{.mode = QuantizationScheme::asymmetric};

void expect_range(const Quantizer& q, const QuantizedRange& range) {
  ASSERT_EQ(q.low.size(), range.low.size());
  EXPECT_EQ(q.levels, range.levels);
  for (size_t c = 0; c < q.low.size(); ++c) {
    EXPECT_FLOAT_EQ(q.low[c], range.low[c]);
    EXPECT_FLOAT_EQ(q.high[c], range.high[c]);
  }
}

std::vector<float> one(float x) { return {x}; }

TEST(Ranges, ActivationsTakeTheMeanOfExtremes) {
  const Network network;
  // Per sample [-4, 2], [-2, 3], [-3, 10]; largest |x| 4, 3, 10.
  expect_range(network.only({}, nncf()), symmetric_range(one(-3), one(17.0f / 3), 8, false, {}));
  expect_range(network.only(kAsymmetric, nncf()), asymmetric_range(one(-3), one(5), 8, false));
}

TEST(Ranges, ChannelsTakeTheExtremesOfAllSamples) {
  const Network network;
  const std::vector<float> min = {-3, -4}, max = {10, 2}, largest = {10, 4};
  expect_range(network.only({.per_channel = true}, nncf()),
               symmetric_range(min, largest, 8, false, {}));
  QuantizerSpec spec = kAsymmetric;
  spec.per_channel = true;
  expect_range(network.only(spec, nncf()), asymmetric_range(min, max, 8, false));
}

TEST(Ranges, ChannelsHaveNoZeroPointUnlessAskedFor) {
  const Network network;
  QuantizerSpec spec = kAsymmetric;
  spec.per_channel = true;
  const std::vector<Left> positive = {{{1, 0}, {2, 3}}, {{0, 2}, {6, 3}}};
  const auto scheme = [&](const QuantizeOptions& options, const std::vector<Left>& samples) {
    return network.run({network.activation(spec)}, options, samples).quantizers[0].spec.mode;
  };
  EXPECT_EQ(scheme({}, positive), QuantizationScheme::symmetric);
  EXPECT_EQ(scheme({}, Network::samples()), QuantizationScheme::symmetric);
  QuantizeOptions mixed;
  mixed.preset = Preset::mixed;
  EXPECT_EQ(scheme(mixed, Network::samples()), QuantizationScheme::asymmetric);
  EXPECT_EQ(scheme(nncf(), positive), QuantizationScheme::asymmetric);
}

TEST(Ranges, EstimatorsOfTheUserWin) {
  const Network network;
  StatisticsCollectorParameters least, largest, middle;
  least.aggregator_type = AggregatorType::min;
  largest.aggregator_type = AggregatorType::max;
  middle.aggregator_type = AggregatorType::median;
  expect_range(network.only(kAsymmetric, estimators(least, largest)),
               asymmetric_range(one(-4), one(10), 8, false));
  expect_range(network.only(kAsymmetric, estimators(middle, middle)),
               asymmetric_range(one(-3), one(3), 8, false));
  // One side alone leaves the other at its default.
  expect_range(network.only(kAsymmetric, estimators({}, largest)),
               asymmetric_range(one(-3), one(10), 8, false));
}

TEST(Ranges, AnEstimatorThatChannelsDoNotFollowIsSaid) {
  const Network network;
  const auto options = estimators({}, {.aggregator_type = AggregatorType::median});
  QuantizerSpec spec;
  EXPECT_TRUE(network.run({network.activation(spec)}, options).notes.empty());
  spec.per_channel = true;
  EXPECT_THAT(network.run({network.activation(spec)}, options).notes,
              testing::ElementsAre(
                  testing::HasSubstr("not for the 1 activations that are quantized by channel")));
}

TEST(Ranges, ClippingBoundsTheRange) {
  const Network network;
  StatisticsCollectorParameters clipped;
  clipped.clipping_value = 2.5;
  expect_range(network.only(kAsymmetric, estimators(clipped, clipped)),
               asymmetric_range(one(-2.5f), one(2.5f), 8, false));
}

TEST(Ranges, WeightsByOutputChannel) {
  const Network network;
  const Plan plan = network.run({network.weight(2)}, nncf());
  const Quantizer& q = plan.quantizers[0];
  ASSERT_EQ(q.high.size(), 3u);
  float overall = 0;
  for (float w : network.second_weight) overall = std::max(overall, std::fabs(w));
  for (size_t o = 0; o < 3; ++o) {
    float largest = 0.01f * overall;
    for (size_t i = 0; i < 4; ++i)
      largest = std::max(largest, std::fabs(network.second_weight[o * 4 + i]));
    EXPECT_FLOAT_EQ(q.high[o], largest);
    EXPECT_FLOAT_EQ(q.low[o], -largest);
  }
}

// The high ends of both weights, relative to those without a fix.
std::pair<float, float> widened(const Network& network, std::optional<OverflowFix> fix,
                                Recipe recipe) {
  QuantizeOptions options;
  options.recipe = Recipe::nncf;
  options.advanced_parameters.overflow_fix = OverflowFix::disable;
  const Plan plain = network.run({network.weight(1), network.weight(2)}, options);
  options.recipe = recipe;
  options.advanced_parameters.overflow_fix = fix;
  const Plan fixed = network.run({network.weight(1), network.weight(2)}, options);
  return {fixed.quantizers[0].high[0] / plain.quantizers[0].high[0],
          fixed.quantizers[1].high[0] / plain.quantizers[1].high[0]};
}

TEST(Ranges, OverflowFixHalvesTheFirstLayerOrAll) {
  const Network network;
  EXPECT_EQ(widened(network, std::nullopt, Recipe::nncf), std::pair(2.0f, 1.0f));
  EXPECT_EQ(widened(network, OverflowFix::first_layer_only, Recipe::eightbit),
            std::pair(2.0f, 1.0f));
  EXPECT_EQ(widened(network, OverflowFix::enable, Recipe::eightbit), std::pair(2.0f, 2.0f));
}

TEST(Ranges, MembersOfAGroupCoverEachOthersValues) {
  const Network network;
  Quantizer other = quantizer_of(network.middle, {2, 0}, kAsymmetric, false);
  Plan plan;
  plan.quantizers = {network.activation(kAsymmetric), other};
  for (Quantizer& q : plan.quantizers) q.group = 0;
  records::TapRequest taps(network.graph);
  ranges_request(network.graph, plan, nncf(), taps);
  records::StatisticsData data("model", "data", taps.points());
  data.add(0, std::vector<float>{-1, 6, 1, -3, 2, 1});  // min, max, finite of either
  find_ranges(network.graph, data, nncf(), plan);
  // The range of the values together: ranges of the members, tuned one by one, would come out
  // wider.
  for (const Quantizer& q : plan.quantizers)
    expect_range(q, asymmetric_range(one(-3), one(6), 8, false));
}

TEST(Ranges, ScalesInFrontMoveTheRange) {
  const Network network;
  Plan plan;
  plan.quantizers = {network.activation(kAsymmetric)};
  plan.scales.push_back({network.input, {{1, 0}}, {0.1f, 2}, 1});
  records::TapRequest taps(network.graph);
  taps.want_channels(network.input, 1, kMinMax, true);
  ranges_request(network.graph, plan, nncf(), taps);
  const auto data = statistics_of(taps, {{{-1, -4}, {2, 1}}, {{-2, 0}, {3, 2}}});
  find_ranges(network.graph, data, nncf(), plan);
  // [-8, 2] and [-0.2, 4].
  expect_range(plan.quantizers[0], asymmetric_range(one(-4.1f), one(3), 8, false));
}

TEST(Ranges, UnmeasuredValuesAreAnError) {
  const Network network;
  Plan plan;
  plan.quantizers = {network.activation({})};
  const records::StatisticsData nothing("model", "data", {});
  EXPECT_THROW(find_ranges(network.graph, nothing, nncf(), plan), InvalidArgument);
}

}  // namespace
}  // namespace eightbit::algorithms
