#include "algorithms/channel_alignment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/measured.h"
#include "algorithms/test_network.h"
#include "base/error.h"
#include "quant/channels.h"

namespace eightbit::algorithms {
namespace {

constexpr int64_t kIn = 3, kMiddle = 4, kOut = 5;

// Two pointwise convolutions with biases.
struct Network {
  Graph graph;
  ValueId between, first_weight, second_weight;

  explicit Network(Attributes second = {}, bool relu = false, bool second_bias = true) {
    Random random(4);
    const ValueId input = add_input(graph, {1, kIn, 6, 6});
    first_weight = add_weight(graph, "w1", random.normal(kMiddle * kIn, 1), {kMiddle, kIn, 1, 1});
    const ValueId inner =
        add_layer(graph, "first", Op::convolution, input, first_weight, {1, kMiddle, 6, 6});
    between = add_bias(graph, "first_bias", inner, random.normal(kMiddle, 3));
    ValueId read = between;
    if (relu)
      read = graph.add_output(graph.add_node("relu", "Relu", Op::relu, {between}), DType::f32,
                              {1, kMiddle, 6, 6});
    second_weight =
        add_weight(graph, "w2", random.normal(kOut * kMiddle, 1), {kOut, kMiddle, 1, 1});
    const ValueId out =
        add_layer(graph, "second", Op::convolution, read, second_weight, {1, kOut, 6, 6}, second);
    if (second_bias) add_bias(graph, "second_bias", out, random.normal(kOut, 1));
  }

  // Constant `name`, in order of application.
  std::vector<float> constant(const std::string& name, const Plan& network) const {
    for (const Value& value : graph.values)
      if (value.name == name) return to_floats(weight_of(graph, network, value.id, value.uses[0]));
    return {};
  }

  std::vector<float> run(const std::vector<float>& x, const Plan& network) const {
    const auto layer = [&](const std::vector<float>& in, const std::string& weight,
                           const std::string& bias) {
      std::vector<float> out = constant(bias, network);
      const auto w = constant(weight, network);
      if (out.empty()) out.resize(w.size() / in.size());
      for (size_t o = 0; o < out.size(); ++o)
        for (size_t i = 0; i < in.size(); ++i) out[o] += w[o * in.size() + i] * in[i];
      return out;
    };
    return layer(layer(x, "w1", "first_bias.bias"), "w2", "second_bias.bias");
  }
};

// Quantiles of each sample and channel: around a middle, with a width.
const std::vector<float> kMiddles = {5, -2, 0, 1}, kWidths = {8, 1, 2, 0};

records::StatisticsData statistics_for(const Network& network) {
  records::TapRequest taps(network.graph);
  channel_alignment_request(network.graph, Plan{}, taps);
  records::StatisticsData data("model", "data", taps.points());
  if (data.points().empty()) return data;
  for (int sample = 0; sample < 3; ++sample) {
    std::vector<float> record;
    const float stretch = 1.0f + 0.1f * static_cast<float>(sample - 1);  // median 1
    for (int round = 0; round < 2; ++round)  // min and max, then the quantiles
      for (float side : {-0.5f, 0.5f})
        for (size_t c = 0; c < kMiddle; ++c)
          record.push_back(kMiddles[c] + side * kWidths[c] * stretch);
    record.push_back(1);
    data.add(sample, record);
  }
  return data;
}

TEST(ChannelAlignment, TheNetworkComputesTheSame) {
  for (bool second_bias : {true, false}) {
    const Network network({}, false, second_bias);
    Plan plan;
    const Plan aligned = channel_alignment(network.graph, statistics_for(network), plan);
    ASSERT_FALSE(aligned.constants.empty());
    Random random(8);
    for (int k = 0; k < 20; ++k) {
      const auto x = random.normal(kIn, 2);
      const auto before = network.run(x, Plan{}), after = network.run(x, aligned);
      for (size_t c = 0; c < before.size(); ++c) EXPECT_NEAR(after[c], before[c], 1e-4);
    }
    EXPECT_NE(network.constant("w1", aligned), network.constant("w1", Plan{}));
  }
}

TEST(ChannelAlignment, ChannelsGetOneWidthAndCentre) {
  const Network network;
  const auto data = statistics_for(network);
  Plan plan;
  channel_alignment(network.graph, data, plan);
  const Use use{network.graph.value(network.between).uses[0]};
  const Measured measured(network.graph, data, plan, network.between, use);
  const auto low = measured.channel_min(), high = measured.channel_max();
  for (size_t c = 0; c < kMiddle; ++c) {
    EXPECT_NEAR(low[c], -high[c], 1e-5);
    // The median width is 2; the largest sample is a tenth above the median; the dead channel stays
    // dead.
    EXPECT_NEAR(high[c] - low[c], kWidths[c] == 0 ? 0 : 2.2, 1e-5);
  }
  const auto rows = measured.rows();
  EXPECT_NEAR(rows[1].max, 1, 1e-5);
}

TEST(ChannelAlignment, WithoutASecondBiasOnlyWidthsMove) {
  const Network network({}, false, false);
  Plan plan;
  channel_alignment(network.graph, statistics_for(network), plan);
  EXPECT_EQ(plan.changes.at(0).shift, std::vector<float>(kMiddle, 0.0f));
  EXPECT_EQ(plan.changes.at(0).factor, (std::vector<float>{4, 0.5f, 1, 1}));
}

TEST(ChannelAlignment, PaddingStridesAndActivationsForbidIt) {
  Attributes padded, strided;
  padded.pads_begin = {1, 1};
  strided.strides = {2, 2};
  for (const Network& network : {Network(padded), Network(strided), Network({}, true)}) {
    Plan plan;
    EXPECT_TRUE(channel_alignment(network.graph, statistics_for(network), plan).constants.empty());
    EXPECT_TRUE(plan.changes.empty());
  }
}

TEST(ChannelAlignment, ScaledValuesAreLeft) {
  const Network network;
  Plan plan;
  plan.scales.push_back({network.between, network.graph.value(network.between).uses,
                         std::vector<float>(kMiddle, 1), 1});
  EXPECT_TRUE(channel_alignment(network.graph, statistics_for(network), plan).constants.empty());
}

TEST(ChannelAlignment, StatisticsWithoutQuantilesAreRefused) {
  const Network network;
  Plan plan;
  const records::StatisticsData nothing("model", "data", {});
  EXPECT_THROW(channel_alignment(network.graph, nothing, plan), InvalidArgument);
}

}  // namespace
}  // namespace eightbit::algorithms
