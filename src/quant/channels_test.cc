#include "quant/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quant/plan.h"

namespace eightbit {
namespace {

using testing::ElementsAre;

// The channel of every element, by for_each_run and by counting.
void expect_channels(const Shape& shape, const std::vector<int64_t>& axes) {
  std::vector<int64_t> found(static_cast<size_t>(element_count(shape)), -1);
  int64_t next = 0;
  for_each_run(shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
    EXPECT_EQ(first, next);
    next = first + count;
    for (int64_t i = first; i < next; ++i) found[static_cast<size_t>(i)] = channel;
  });
  EXPECT_EQ(next, element_count(shape));
  for (int64_t i = 0; i < element_count(shape); ++i) {
    std::vector<int64_t> index(shape.size());
    int64_t rest = i;
    for (size_t axis = shape.size(); axis-- > 0;)
      index[axis] = rest % shape[axis], rest /= shape[axis];
    int64_t channel = 0;
    for (int64_t axis : axes)
      channel = channel * shape[static_cast<size_t>(axis)] + index[static_cast<size_t>(axis)];
    ASSERT_EQ(found[static_cast<size_t>(i)], channel) << i << " of " << to_string(shape);
  }
}

TEST(Channels, RunsCoverEveryLayout) {
  expect_channels({4, 3, 2, 2}, {0});
  expect_channels({4, 3, 2, 2}, {1});
  expect_channels({2, 3, 4, 5}, {0, 1});
  expect_channels({2, 3, 4, 5}, {0, 2});
  expect_channels({3, 4}, {1});
  expect_channels({2, 3, 4}, {0, 1, 2});
  expect_channels({5}, {});
  expect_channels({}, {});
}

TEST(Channels, ExtremesByChannel) {
  const std::vector<float> values = {1, -2, 3, -4, 5, -6};
  const Extremes rows = extremes(values, {2, 3}, {0});
  EXPECT_THAT(rows.min, ElementsAre(-2, -6));
  EXPECT_THAT(rows.max, ElementsAre(3, 5));
  EXPECT_THAT(rows.abs_max, ElementsAre(3, 6));
  EXPECT_THAT(extremes(values, {2, 3}, {1}).abs_max, ElementsAre(4, 5, 6));
  EXPECT_THAT(extremes(values, {2, 3}, {}).abs_max, ElementsAre(6));
}

TEST(Channels, TheLastReplacementWins) {
  Graph graph;
  const NodeId parameter = graph.add_node("input", "Parameter", Op::parameter, {});
  const ValueId input = graph.add_output(parameter, DType::f32, {1, 2});
  const ValueId weight = graph.add_constant(
      "weight", DType::f32, {2, 2},
      {[] { return Tensor::from_floats(std::vector<float>{1, 2, 3, 4}, {2, 2}); }});
  graph.add_output(graph.add_node("layer", "MatMul", Op::mat_mul, {input, weight}), DType::f32,
                   {1, 2});
  Plan plan;
  const auto first = [&] { return weight_of(graph, plan, weight, {1, 1}).as<float>()[0]; };
  EXPECT_EQ(first(), 1);
  plan.constants.push_back({weight,
                            {},
                            Tensor::from_floats(std::vector<float>{5, 2, 3, 4}, {2, 2}),
                            ReplacementReason::channel_alignment});
  EXPECT_EQ(first(), 5);
  plan.constants.push_back({weight,
                            {{1, 1}},
                            Tensor::from_floats(std::vector<float>{6, 2, 3, 4}, {2, 2}),
                            ReplacementReason::smooth_quant});
  EXPECT_EQ(first(), 6);
  plan.constants.push_back({weight,
                            {{7, 1}},
                            Tensor::from_floats(std::vector<float>{9, 2, 3, 4}, {2, 2}),
                            ReplacementReason::smooth_quant});
  EXPECT_EQ(first(), 6);
}

}  // namespace
}  // namespace eightbit
