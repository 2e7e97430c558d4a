#include "search/integer_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "placement/placement.h"

namespace eightbit::search {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

double of(const Graph& graph, const char* node) {
  return multiplications(graph)[static_cast<size_t>(graph.find(node))];
}

TEST(IntegerWork, CountsMultiplicationsOfASample) {
  const Graph graph = parse_graph(
      "in = Parameter() : f32[1,4,8,8]\n"
      "conv = Convolution(in, const f32[6,4,3,3]) : f32[1,6,8,8]\n"
      "depthwise = GroupConvolution(conv, const f32[6,1,1,3,3]) : f32[1,6,8,8]\n"
      "relu = Relu(depthwise) : f32[1,6,8,8]\n"
      "product = MatMul(relu, const f32[8,5]) : f32[1,6,8,5]\n"
      "out = Result(product)\n");
  EXPECT_EQ(of(graph, "conv"), 6 * 8 * 8 * 4 * 9);
  EXPECT_EQ(of(graph, "depthwise"), 6 * 8 * 8 * 9);
  EXPECT_EQ(of(graph, "product"), 6 * 8 * 5 * 8);
  EXPECT_EQ(of(graph, "relu"), 0);
}

TEST(IntegerWork, ProductsOfActivationsCountToo) {
  const Graph graph = parse_graph(
      "a = Parameter() : f32[2,3,16]\n"
      "b = Parameter() : f32[2,16,5]\n"
      "product = MatMul(a, b) : f32[2,3,5]\n"
      "out = Result(product)\n");
  EXPECT_EQ(of(graph, "product"), 2 * 3 * 5 * 16);
}

TEST(IntegerWork, OpenDimensionsCountOnce) {
  const Graph graph = parse_graph(
      "in = Parameter() : f32[?,4,?,8]\n"
      "conv = Convolution(in, const f32[6,4,3,3]) : f32[?,6,?,8]\n"
      "out = Result(conv)\n");
  EXPECT_EQ(of(graph, "conv"), 6 * 8 * 4 * 9);
}

TEST(IntegerWork, SharesAddUpToOne) {
  const Graph graph = parse_graph(
      "in = Parameter() : f32[1,4,8,8]\n"
      "c1 = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
      "r1 = Relu(c1) : f32[1,4,8,8]\n"
      "c2 = Convolution(r1, const f32[12,4,3,3]) : f32[1,12,8,8]\n"
      "out = Result(c2)\n");
  const Plan plan = placement::place(graph, {});
  EXPECT_THAT(work_shares(graph, quantizer_groups(graph, plan)),
              ElementsAre(DoubleEq(0.25), DoubleEq(0.75)));
}

}  // namespace
}  // namespace eightbit::search
