#include "algorithms/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "algorithms/test_network.h"

namespace eightbit::algorithms {
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

TEST(Weights, RunsCoverEveryLayout) {
  expect_channels({4, 3, 2, 2}, {0});
  expect_channels({4, 3, 2, 2}, {1});
  expect_channels({2, 3, 4, 5}, {0, 1});
  expect_channels({2, 3, 4, 5}, {0, 2});
  expect_channels({3, 4}, {1});
  expect_channels({2, 3, 4}, {0, 1, 2});
  expect_channels({5}, {});
  expect_channels({}, {});
}

TEST(Weights, ExtremesByChannel) {
  const std::vector<float> values = {1, -2, 3, -4, 5, -6};
  const Extremes rows = extremes(values, {2, 3}, {0});
  EXPECT_THAT(rows.min, ElementsAre(-2, -6));
  EXPECT_THAT(rows.max, ElementsAre(3, 5));
  EXPECT_THAT(rows.abs_max, ElementsAre(3, 6));
  EXPECT_THAT(extremes(values, {2, 3}, {1}).abs_max, ElementsAre(4, 5, 6));
  EXPECT_THAT(extremes(values, {2, 3}, {}).abs_max, ElementsAre(6));
}

TEST(Weights, TheLastReplacementWins) {
  Graph graph;
  const ValueId input = add_input(graph, {1, 2});
  const ValueId weight = add_weight(graph, "weight", {1, 2, 3, 4}, {2, 2});
  add_layer(graph, "layer", Op::mat_mul, input, weight, {1, 2});
  Plan plan;
  const auto first = [&] { return weight_of(graph, plan, weight, {1, 1}).as<float>()[0]; };
  EXPECT_EQ(first(), 1);
  plan.constants.push_back(
      {weight, {}, Tensor::from_floats(std::vector<float>{5, 2, 3, 4}, {2, 2}), "a"});
  EXPECT_EQ(first(), 5);
  plan.constants.push_back(
      {weight, {{1, 1}}, Tensor::from_floats(std::vector<float>{6, 2, 3, 4}, {2, 2}), "b"});
  EXPECT_EQ(first(), 6);
  plan.constants.push_back(
      {weight, {{7, 1}}, Tensor::from_floats(std::vector<float>{9, 2, 3, 4}, {2, 2}), "c"});
  EXPECT_EQ(first(), 6);
}

struct Product {
  int port;
  bool transposed;
  int64_t output, input;
};

TEST(Weights, AxesOfProducts) {
  for (const Product& p : {Product{1, false, 2, 1}, Product{1, true, 1, 2}, Product{0, false, 1, 2},
                           Product{0, true, 2, 1}}) {
    Graph graph;
    const ValueId input = add_input(graph, {4, 8, 8});
    const ValueId weight = add_weight(graph, "weight", std::vector<float>(256), {4, 8, 8});
    Attributes attributes;
    (p.port == 0 ? attributes.transpose_a : attributes.transpose_b) = p.transposed;
    std::vector<ValueId> inputs = {input, weight};
    if (p.port == 0) std::swap(inputs[0], inputs[1]);
    graph.add_output(graph.add_node("product", "MatMul", Op::mat_mul, inputs, attributes),
                     DType::f32, {4, 8, 8});
    EXPECT_EQ(weight_port(graph, 1), p.port);
    EXPECT_EQ(input_axis(graph, 1, p.port), p.input);
    EXPECT_EQ(output_axes(graph, 1, p.port).back(), p.output);
    EXPECT_EQ(output_channel_axis(graph, 1), p.port == 0 ? 1 : 2);
    EXPECT_EQ(activation_channel_axis(graph, 1, 1 - p.port), p.port == 0 ? 1 : 2);
  }
}

}  // namespace
}  // namespace eightbit::algorithms
