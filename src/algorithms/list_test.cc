#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "algorithms/algorithm.h"
#include "algorithms/bias_correction.h"
#include "algorithms/test_network.h"
#include "algorithms/weight_rounding.h"

namespace eightbit::algorithms {
namespace {

// A convolution and a product, both quantized.
struct Network {
  Graph graph;
  Plan plan;

  Network() {
    const ValueId input = add_input(graph, {1, 4, 6, 6});
    add_quantized("conv", Op::convolution, input, {8, 4, 3, 3}, {1, 8, 4, 4}, 0);
    const ValueId rows = add_layer(graph, "rows", Op::reshape, graph.nodes.back().outputs[0],
                                   add_weight(graph, "shape", {1}, {1}), {1, 16, 8});
    add_quantized("product", Op::mat_mul, rows, {8, 12}, {1, 16, 12}, 1);
  }

  void add_quantized(const std::string& name, Op op, ValueId input, const Shape& weight_shape,
                     const Shape& output, int64_t axis) {
    Random random(3);
    const ValueId weight =
        add_weight(graph, name + ".w", random.normal(element_count(weight_shape), 1), weight_shape);
    add_layer(graph, name, op, input, weight, output);
    const NodeId node = graph.nodes.back().id;
    plan.quantizers.push_back(quantizer_of(input, {node, 0}, {}, false));
    plan.quantizers.push_back(
        quantizer_of(weight, {node, 1}, {.per_channel = true, .narrow_range = true}, true, {axis}));
  }

  std::vector<Use> inputs() const {
    std::vector<Use> uses;
    for (const Quantizer& q : plan.quantizers)
      if (!q.weight) uses.push_back(q.uses.front());
    return uses;
  }
};

std::vector<QuantizeOptions> all_kinds_of_options() {
  std::vector<QuantizeOptions> kinds(6);
  kinds[1].recipe = Recipe::nncf;
  kinds[2].fast_bias_correction = false;
  kinds[3].model_type = ModelType::transformer;
  kinds[4].weight_rounding = eightbit::WeightRounding::adaptive;
  kinds[5].recipe = Recipe::nncf;
  kinds[5].fast_bias_correction = false;
  return kinds;
}

bool covers(const Tap& all, const Tap& one) {
  return all.value == one.value && (one.axis == kNone || all.axis == one.axis) &&
         (all.statistics & one.statistics) == one.statistics &&
         (all.keep_channels || !one.keep_channels);
}

TEST(Algorithms, EveryRowHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Algorithm* one : list()) {
    EXPECT_TRUE(one->applies != nullptr && one->apply != nullptr) << one->name;
    names.insert(one->name);
  }
  EXPECT_EQ(names.size(), list().size());
  EXPECT_FALSE(names.contains(""));
}

TEST(Algorithms, AsManySamplesAreKeptAsTheMostDemandingWants) {
  QuantizeOptions options;
  EXPECT_EQ(samples_wanted(options), std::max(kCorrectionSamples, kRoundingSamples));
  options.advanced_parameters.disable_bias_correction = true;
  EXPECT_EQ(samples_wanted(options), 0);
  options.weight_rounding = eightbit::WeightRounding::adaptive;
  EXPECT_EQ(samples_wanted(options), kCarefulRoundingSamples);
  EXPECT_EQ(most_samples(), kCarefulCorrectionSamples);
}

// What calibrate() keeps is enough for any later options; but for channel alignment, which is off
// by default and asks for quantiles of its own.
TEST(Algorithms, WhatIsMeasuredForAllOptionsCoversEachOfThem) {
  const Network network;
  CalibrateOptions calibrated;
  calibrated.model_type = ModelType::transformer;
  Request all(network.graph);
  request_all(network.graph, network.inputs(), calibrated, all);
  ASSERT_FALSE(all.layers.empty());
  for (const QuantizeOptions& options : all_kinds_of_options()) {
    Request one(network.graph);
    request(network.graph, network.plan, options, one);
    EXPECT_FALSE(one.taps.points().empty());
    for (const records::Point& point : one.taps.points())
      EXPECT_TRUE(std::ranges::any_of(all.taps.points(), [&](const records::Point& known) {
        return covers(known.tap, point.tap);
      })) << point.name;
    for (const records::Point& layer : one.layers)
      EXPECT_TRUE(std::ranges::any_of(all.layers, [&](const records::Point& known) {
        return covers(known.tap, layer.tap);
      })) << layer.name;
  }
}

// Of a run over several plans, as `tune` makes them: the first may correct in closed form.
TEST(Algorithms, LayersAreMeasuredWhereAnyPlanOfARunWantsThem) {
  const Network network;
  QuantizeOptions fast, careful;
  fast.recipe = careful.recipe = Recipe::nncf;
  careful.fast_bias_correction = false;
  Request wanted(network.graph);
  request(network.graph, network.plan, fast, wanted);
  EXPECT_TRUE(wanted.layers.empty());
  request(network.graph, network.plan, careful, wanted);
  EXPECT_EQ(wanted.layers.size(), 2u);
}

}  // namespace
}  // namespace eightbit::algorithms
