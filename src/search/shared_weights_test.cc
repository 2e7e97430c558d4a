#include "search/shared_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "placement/placement.h"
#include "search/quantizer_groups.h"

namespace eightbit::search {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// Two convolutions of one weight.
struct Shared {
  Shared()
      : graph(parse_graph("in = Parameter() : f32[1,4,8,8]\n"
                          "c1 = Convolution(in, const w1 f32[4,4,3,3]) : f32[1,4,8,8]\n"
                          "r1 = Relu(c1) : f32[1,4,8,8]\n"
                          "c2 = Convolution(r1, const w2 f32[4,4,3,3]) : f32[1,4,8,8]\n"
                          "out = Result(c2)\n")),
        first(graph.find("c1")),
        second(graph.find("c2")) {
    const ValueId weight = graph.node(first).inputs[1];
    graph.nodes[static_cast<size_t>(second)].inputs[1] = weight;
    graph.values[static_cast<size_t>(weight)].uses = {{first, 1}, {second, 1}};
    plan = placement::place(graph, {});
    plan.constants.push_back({weight,
                              {{first, 1}, {second, 1}},
                              Tensor::allocate(DType::f32, {4, 4, 3, 3}),
                              ReplacementReason::weight_rounding});
  }

  Graph graph;
  NodeId first, second;
  Plan plan;
};

TEST(SharedWeights, LayersGoTogetherUnlessTheirWeightIsTakenApart) {
  const Shared net;
  EXPECT_THAT(quantizer_groups(net.graph, net.plan), SizeIs(1));
  const Plan apart = with_weights_apart(net.plan);
  EXPECT_THAT(apart.quantizers, SizeIs(net.plan.quantizers.size() + 1));
  const auto groups = quantizer_groups(net.graph, apart);
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_THAT(groups[0].layers, ElementsAre(net.first));

  const Plan one =
      with_weights_joined(without_groups(net.graph, apart, groups, std::vector<int>{0}, false));
  ASSERT_THAT(one.quantizers, SizeIs(2));
  EXPECT_THAT(one.quantizers[1].uses, ElementsAre(Use{net.second, 1}));
  // the other layer's is rounded still
  ASSERT_THAT(one.constants, SizeIs(1));
  EXPECT_THAT(one.constants[0].uses, ElementsAre(Use{net.second, 1}));
}

TEST(SharedWeights, AreJoinedAgainAsTheyWere) {
  const Shared net;
  const Plan again = with_weights_joined(with_weights_apart(net.plan));
  EXPECT_EQ(to_text(again, net.graph), to_text(net.plan, net.graph));
  ASSERT_THAT(again.constants, SizeIs(1));
  EXPECT_EQ(again.constants[0].uses, net.plan.constants[0].uses);
}

TEST(SharedWeights, StayApartWhereTheyDiffer) {
  const Shared net;
  Plan apart = with_weights_apart(net.plan);
  ASSERT_TRUE(apart.quantizers.back().weight);
  apart.quantizers.back().levels = 100;
  apart.constants.back().tensor = Tensor::allocate(DType::f32, {4, 4, 3, 3});
  const Plan again = with_weights_joined(apart);
  EXPECT_THAT(again.quantizers, SizeIs(apart.quantizers.size()));
  EXPECT_THAT(again.constants, SizeIs(2));
}

}  // namespace
}  // namespace eightbit::search
