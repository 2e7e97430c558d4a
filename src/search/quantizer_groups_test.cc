#include "search/quantizer_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "placement/placement.h"
#include "quant/channels.h"

namespace eightbit::search {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

struct Grouped {
  explicit Grouped(const std::string& text)
      : graph(parse_graph(text)),
        plan(placement::place(graph, {})),
        groups(quantizer_groups(graph, plan)) {}

  std::vector<std::string> layers(size_t group) const {
    std::vector<std::string> names;
    for (NodeId node : groups[group].layers) names.push_back(graph.node(node).name);
    return names;
  }
  Plan without(std::vector<int> taken_out, bool only_activations = false) const {
    return without_groups(graph, plan, groups, taken_out, only_activations);
  }

  Graph graph;
  Plan plan;
  std::vector<QuantizerGroup> groups;
};

constexpr const char* kChain =
    "in = Parameter() : f32[1,4,8,8]\n"
    "c1 = Convolution(in, const w1 f32[4,4,3,3]) : f32[1,4,8,8]\n"
    "r1 = Relu(c1) : f32[1,4,8,8]\n"
    "pool = MaxPool(r1) : f32[1,4,4,4]\n"
    "c2 = Convolution(pool, const w2 f32[4,4,3,3]) : f32[1,4,4,4]\n"
    "out = Result(c2)\n";

TEST(QuantizerGroups, ALayerTakesItsWeightAlongAlsoBehindAPool) {
  const Grouped net(kChain);
  ASSERT_THAT(net.groups, SizeIs(2));
  EXPECT_THAT(net.layers(0), ElementsAre("c1"));
  EXPECT_THAT(net.layers(1), ElementsAre("c2"));
  for (const QuantizerGroup& group : net.groups) EXPECT_THAT(group.quantizers, SizeIs(2));
}

TEST(QuantizerGroups, OperandsOfASumGoTogetherWithAllThatReadsThem) {
  const Grouped net(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "r = Relu(c1) : f32[1,4,8,8]\n"
      "c2 = Convolution(r, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "sum = Add(r, c2) : f32[1,4,8,8]\n"
      "c3 = Convolution(sum, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "out = Result(c3)\n");
  ASSERT_THAT(net.groups, SizeIs(3));
  EXPECT_THAT(net.layers(1), UnorderedElementsAre("c2", "sum"));
  EXPECT_THAT(net.groups[1].quantizers, SizeIs(3));  // r, c2 and the weight of c2
}

TEST(QuantizerGroups, InputsOfAConcatGoTogether) {
  const Grouped net(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "c2 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "both = Concat(c1, c2) : f32[1,8,8,8] {axis=1}\n"
      "c3 = Convolution(both, const f32[4,8,3,3]) : f32[1,4,8,8]\n"
      "out = Result(c3)\n");
  ASSERT_THAT(net.groups, SizeIs(2));
  EXPECT_THAT(net.layers(0), ElementsAre("c1", "c2"));  // one value, read by both
  EXPECT_THAT(net.layers(1), ElementsAre("c3"));
}

TEST(QuantizerGroups, EveryQuantizerIsInOneGroup) {
  const Grouped net(kChain);
  std::vector<size_t> all;
  for (const QuantizerGroup& group : net.groups)
    all.insert(all.end(), group.quantizers.begin(), group.quantizers.end());
  EXPECT_THAT(all, UnorderedElementsAre(0, 1, 2, 3));
}

TEST(QuantizerGroups, TheLastQuantizersLeaveAPlanWithNone) {
  const Grouped net(kChain);
  EXPECT_THAT(net.without({0, 1}).quantizers, IsEmpty());
  EXPECT_THAT(net.without({1}).quantizers, SizeIs(2));
  EXPECT_THAT(net.without({}).quantizers, SizeIs(4));
}

TEST(QuantizerGroups, OnlyActivationsLeavesWeights) {
  const Grouped net(kChain);
  const Plan plan = net.without({0, 1}, true);
  ASSERT_THAT(plan.quantizers, SizeIs(2));
  for (const Quantizer& q : plan.quantizers) EXPECT_TRUE(q.weight);
}

TEST(QuantizerGroups, BiasesOfLayersInFloatGoBackAndOthersStay) {
  Grouped net(kChain);
  net.plan.biases = {{net.graph.find("c1"), 1, {1, 2, 3, 4}},
                     {net.graph.find("c2"), 1, {5, 6, 7, 8}}};
  const Plan plan = net.without({0});
  ASSERT_THAT(plan.biases, SizeIs(1));
  EXPECT_EQ(plan.biases[0].node, net.graph.find("c2"));
  EXPECT_THAT(net.without({0, 1}, true).biases, SizeIs(2));  // their weights are still quantized
  ASSERT_THAT(plan.left_float, SizeIs(1));
  EXPECT_EQ(plan.left_float[0].node, net.graph.find("c1"));
}

TEST(QuantizerGroups, WeightsGoBackToWhatTheyWereBeforeRounding) {
  Grouped net(kChain);
  const Quantizer& weight = net.plan.quantizers[2];
  ASSERT_TRUE(weight.weight);
  const Tensor original = Tensor::from_floats(std::vector<float>(144, 0.75f), {4, 4, 3, 3});
  auto constant = std::make_shared<Constant>(*net.graph.value(weight.value).constant);
  constant->load = [&] { return original; };
  net.graph.values[static_cast<size_t>(weight.value)].constant = constant;
  const Tensor rounded = Tensor::from_floats(std::vector<float>(144, 0.25f), {4, 4, 3, 3});
  const auto first_weight = [&](const Plan& plan) {
    return to_floats(weight_of(net.graph, plan, weight.value, weight.uses[0]))[0];
  };
  round_constant(net.plan, weight.value, weight.uses, rounded);
  EXPECT_EQ(first_weight(net.without({1})), 0.25f);
  EXPECT_THAT(net.without({0}).constants, IsEmpty());

  const std::vector<float> factor(4, 0.5f);
  net.plan.constants = {{weight.value, weight.uses, scaled_by(original, 1, factor),
                         ReplacementReason::smooth_quant, factor, 1}};
  round_constant(net.plan, weight.value, weight.uses, rounded);
  EXPECT_EQ(first_weight(net.without({1})), 0.25f);
  EXPECT_EQ(first_weight(net.without({0})), 0.375f);
}

}  // namespace
}  // namespace eightbit::search
