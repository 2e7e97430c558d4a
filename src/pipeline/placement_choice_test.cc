#include "pipeline/placement_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "placement/placement.h"

namespace eightbit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<int> unpaid(std::vector<GroupTimes> times, double conversion = 0, double chance = 0) {
  return unpaid_groups(times, conversion, chance);
}

TEST(UnpaidGroups, ThoseThatAreFasterInFloatsLeave) {
  EXPECT_THAT(unpaid({}), IsEmpty());
  EXPECT_THAT(unpaid({{2, 1}, {2, 1}}), IsEmpty());
  EXPECT_THAT(unpaid({{2, 1}, {1, 2}, {2, 1}}), ElementsAre(1));
  EXPECT_THAT(unpaid({{1, 2}, {1, 2}}), ElementsAre(0, 1));
}

TEST(UnpaidGroups, ABorderCostsAConversion) {
  EXPECT_THAT(unpaid({{2, 1}, {1, 2}, {2, 1}}, 0.6), IsEmpty())
      << "two conversions cost more than the layer gains";
  EXPECT_THAT(unpaid({{2, 1}, {1, 2}, {1, 2}, {2, 1}}, 0.6), ElementsAre(1, 2))
      << "two layers pay for them";
  EXPECT_THAT(unpaid({{1, 2}, {2, 1}}, 0.6), ElementsAre(0))
      << "at the ends of a network there is one border";
}

TEST(UnpaidGroups, AGroupBetweenTwoThatLeaveGoesWithThem) {
  EXPECT_THAT(unpaid({{1, 2}, {1, 0.9}, {1, 2}}, 0.3), ElementsAre(0, 1, 2));
  EXPECT_THAT(unpaid({{1, 2}, {1, 0.2}, {1, 2}}, 0.3), ElementsAre(0, 2))
      << "unless it is worth two conversions";
}

TEST(UnpaidGroups, WhatMayBeChanceStays) {
  EXPECT_THAT(unpaid({{1, 1.01}}, 0, 0.02), IsEmpty());
  EXPECT_THAT(unpaid({{1, 1.05}}, 0, 0.02), ElementsAre(0));
}

TEST(UnpaidGroups, TheBetterHalfIsWhatGainsMost) {
  const std::vector<GroupTimes> times = {{1, 2}, {1, 4}, {1, 1.5}, {1, 3}};
  EXPECT_THAT(better_half(times, {0, 1, 2, 3}), ElementsAre(1, 3));
  EXPECT_THAT(better_half(times, {0, 2, 3}), ElementsAre(0, 3));
  EXPECT_THAT(better_half(times, {2}), ElementsAre(2));
}

struct Chain {
  Chain()
      : graph(parse_graph("in = Parameter() : f32[1,4,8,8]\n"
                          "c1 = Convolution(in, const w1 f32[4,4,3,3]) : f32[1,4,8,8]\n"
                          "r1 = Relu(c1) : f32[1,4,8,8]\n"
                          "soft = Softmax(r1) : f32[1,4,8,8]\n"
                          "c2 = Convolution(soft, const w2 f32[4,4,1,1]) : f32[1,4,8,8]\n"
                          "out = Result(c2)\n")),
        plan(placement::place(graph, {})),
        groups(search::quantizer_groups(graph, plan)) {}

  Graph graph;
  Plan plan;
  std::vector<search::QuantizerGroup> groups;
};

TEST(TimesOfGroups, AreThoseOfTheirLayersAndHalfOfWhatIsBetween) {
  const Chain net;
  ASSERT_THAT(net.groups, SizeIs(2));
  const std::vector<backends::LayerPrecision> executed = {
      {"in/fq_output_0", "FakeQuantize", "u8", 0.25, {"in/fq_output_0"}},
      {"c1_fused", "Convolution", "u8", 1, {"c1", "r1"}},
      {"reorder", "Reorder", "f32", 0.25, {}},
      {"soft", "Softmax", "f32", 0.25, {"soft"}},
      {"c2", "Convolution", "u8", 2, {}},
      {"last", "Reorder", "f32", 0.5, {}}};
  EXPECT_THAT(times_of_groups(net.graph, net.groups, executed),
              ElementsAre(0.25 + 1 + 0.25, 0.25 + 2 + 0.5));
  EXPECT_DOUBLE_EQ(conversion_time(executed), 1.0 / 3);
  EXPECT_DOUBLE_EQ(conversion_time({}), 0);
}

TEST(TimesOfGroups, OfFusedLayersTheOneWithMostWorkCounts) {
  const Chain net;
  const std::vector<backends::LayerPrecision> executed = {
      {"fused", "Convolution", "u8", 1, {"c2", "c1"}}};
  EXPECT_THAT(times_of_groups(net.graph, net.groups, executed), ElementsAre(1.0, 0.0))
      << "3 x 3 is more than 1 x 1";
}

TEST(TimesOfGroups, AreNotKnownWhereNoLayerHasTheirNames) {
  const Chain net;
  EXPECT_THAT(times_of_groups(
                  net.graph, net.groups,
                  {{"c1/MatMulAddFusion", "Gemm", "f32", 1, {}}, {"new_7", "Gemm", "f32", 1, {}}}),
              ElementsAre(2.0, std::nullopt));
  EXPECT_THAT(
      times_of_groups(net.graph, net.groups, {{"c1/fq_output_0", "FakeQuantize", "u8", 1, {}}}),
      ElementsAre(std::nullopt, std::nullopt));
}

TEST(DropSmoothing, FactorsOfFloatLayersGoAndOthersStay) {
  Chain net;
  const auto smooth = [&](const char* name) {
    const Node& node = net.graph.node(net.graph.find(name));
    const std::vector<float> factor = {1, 2, 3, 4}, inverse = {1, 0.5f, 1 / 3.0f, 0.25f};
    net.plan.scales.push_back({node.inputs[0], {{node.id, 0}}, inverse, 1});
    net.plan.constants.push_back({node.inputs[1],
                                  {{node.id, 1}},
                                  Tensor::from_floats(std::vector<float>(4, 1.0f), {1, 4, 1, 1}),
                                  ReplacementReason::smooth_quant,
                                  factor,
                                  1});
  };
  smooth("c1");
  smooth("c2");
  Plan plan = search::without_groups(net.graph, net.plan, net.groups, std::vector<int>{1}, false);
  drop_smoothing_of_floats(plan);
  ASSERT_THAT(plan.scales, SizeIs(1));
  ASSERT_THAT(plan.constants, SizeIs(1));
  EXPECT_EQ(plan.scales[0].uses.front().node, net.graph.find("c1"));
  EXPECT_EQ(plan.constants[0].uses.front().node, net.graph.find("c1"));
}

}  // namespace
}  // namespace eightbit
