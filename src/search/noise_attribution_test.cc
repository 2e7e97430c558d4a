#include "search/noise_attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "placement/placement.h"

namespace eightbit::search {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

// Two branches into a sum that stays in float.
constexpr const char* kBranches =
    "in = Parameter() : f32[1,4,8,8]\n"
    "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
    "c2 = Convolution(c1, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
    "sum = Add(c1, c2) : f32[1,4,8,8]\n"
    "out = Result(sum)\n";

struct Net {
  explicit Net(const char* text) : graph(parse_graph(text)) {
    QuantizeOptions options;
    options.ignored_scope.types = {"Add"};
    options.ignored_scope.validate = false;
    plan = placement::place(graph, options);
    groups = quantizer_groups(graph, plan);
  }
  ValueId value(const char* node) const { return graph.node(graph.find(node)).outputs[0]; }
  std::vector<double> shares(const NoiseByValue& as_it_is, const NoiseByValue& alone) const {
    return attribute_noise(graph, plan, groups, as_it_is, alone, as_it_is);
  }

  Graph graph;
  Plan plan;
  std::vector<QuantizerGroup> groups;
};

TEST(NoiseAttribution, ALayerAnswersForItsOwnNoiseAndInheritsTheRest) {
  const Net net(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "c2 = Convolution(c1, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "out = Result(c2)\n");
  const auto shares = net.shares({{net.value("c1"), {100, 3}}, {net.value("c2"), {100, 8}}},
                                 {{net.value("c1"), {100, 3}}, {net.value("c2"), {100, 2}}});
  EXPECT_THAT(shares, Pointwise(DoubleNear(1e-9), {0.75, 0.25}));
}

// Corrected, c2's output moves by 90 below a ReLU behind it, where nobody sees it.
TEST(NoiseAttribution, WhatCorrectionsMoveIsNobodysNoise) {
  const Net net(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "c2 = Convolution(c1, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "relu = Relu(c2) : f32[1,4,8,8]\n"
      "out = Result(relu)\n");
  const NoiseByValue alone = {{net.value("c1"), {100, 1}}, {net.value("c2"), {100, 9}}},
                     uncorrected = {{net.value("c1"), {100, 1}}, {net.value("c2"), {100, 10}}};
  NoiseByValue as_it_is = {
      {net.value("c1"), {100, 1}}, {net.value("c2"), {100, 100}}, {net.value("relu"), {50, 5}}};
  EXPECT_THAT(attribute_noise(net.graph, net.plan, net.groups, as_it_is, alone, uncorrected),
              Pointwise(DoubleNear(1e-9), {0.1, 0.9}));
}

TEST(NoiseAttribution, NoiseOfASumIsDividedByItsAmountAndNotByItsShareOfTheSignal) {
  const Net net(kBranches);
  // c1 brings 1 of noise in a small signal, c2 brings 3 in a large one.
  const auto shares = net.shares(
      {{net.value("c1"), {10, 1}}, {net.value("c2"), {1000, 3}}, {net.value("sum"), {1010, 4}}},
      {{net.value("c1"), {10, 1}}, {net.value("c2"), {1000, 3}}});
  EXPECT_THAT(shares, Pointwise(DoubleNear(1e-9), {0.25, 0.75}));
}

TEST(NoiseAttribution, WhatFlowsTwoWaysIsAddedUp) {
  const Net net(kBranches);
  // All of c2's noise is inherited.
  const auto shares = net.shares(
      {{net.value("c1"), {10, 1}}, {net.value("c2"), {10, 3}}, {net.value("sum"), {20, 4}}},
      {{net.value("c1"), {10, 1}}, {net.value("c2"), {10, 0}}});
  EXPECT_THAT(shares, Pointwise(DoubleNear(1e-9), {1.0, 0.0}));
}

TEST(NoiseAttribution, OutputsWeighByTheirNoiseOverTheirSignal) {
  const Net net(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "in2 = Parameter() : f32[1,4,8,8]\n"
      "c2 = Convolution(in2, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "out1 = Result(c1)\n"
      "out2 = Result(c2)\n");
  const NoiseByValue noise = {{net.value("c1"), {100, 30}}, {net.value("c2"), {1, 0.1}}};
  EXPECT_THAT(net.shares(noise, noise), Pointwise(DoubleNear(1e-9), {0.75, 0.25}));
}

TEST(NoiseAttribution, WithoutNoiseNobodyIsSuspected) {
  const Net net(kBranches);
  const NoiseByValue silence = {
      {net.value("c1"), {10, 0}}, {net.value("c2"), {10, 0}}, {net.value("sum"), {20, 0}}};
  EXPECT_THAT(net.shares(silence, silence), ElementsAre(0, 0));
}

TEST(NoiseAttribution, ValuesAreMeasuredBehindQuantizersAndWhereBranchesMeet) {
  const Net net(kBranches);
  EXPECT_THAT(values_with_own_noise(net.graph, net.plan),
              ElementsAre(net.value("c1"), net.value("c2")));
  EXPECT_THAT(values_with_noise(net.graph, net.plan),
              ElementsAre(net.value("c1"), net.value("c2"), net.value("sum")));
}

TEST(TellingGroups, AreTheLoudestOfAnyOutput) {
  const std::vector<std::vector<double>> noise = {{8, 1}, {1, 0}, {0, 1}, {2, 98}};
  EXPECT_EQ(telling_groups(noise, 3), (std::vector<size_t>{0, 3}));
  EXPECT_EQ(telling_groups(noise, 2), (std::vector<size_t>{0, 3}));
  EXPECT_EQ(telling_groups(noise, 1), (std::vector<size_t>{0, 2, 3})) << "at the second output";
  EXPECT_EQ(telling_groups(noise, 0), (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_TRUE(telling_groups({{0}, {0}}, 0).empty()) << "no noise at all";
  EXPECT_TRUE(telling_groups({}, 1).empty());
}

}  // namespace
}  // namespace eightbit::search
