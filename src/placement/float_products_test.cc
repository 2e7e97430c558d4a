#include "kernels/float_products.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "graph/text.h"
#include "placement/placement.h"

namespace eightbit::placement {
namespace {

// A squeeze-and-excitation block, and a residual branch around a convolution.
constexpr const char* kBlock =
    "in = Parameter() : f32[1,8,8,8]\n"
    "c1 = Convolution(in, const w1 f32[8,8,3,3]) : f32[1,8,8,8]\n"
    "pool = ReduceMean(c1, const axes i64[2]) : f32[1,8,1,1]\n"
    "squeeze = Convolution(pool, const w2 f32[8,8,1,1]) : f32[1,8,1,1]\n"
    "gate = Sigmoid(squeeze) : f32[1,8,1,1]\n"
    "mul = Multiply(c1, gate) : f32[1,8,8,8]\n"
    "c2 = Convolution(mul, const w3 f32[8,8,1,1]) : f32[1,8,8,8]\n"
    "add = Add(c2, mul) : f32[1,8,8,8]\n"
    "c3 = Convolution(add, const w4 f32[8,8,1,1]) : f32[1,8,8,8]\n"
    "out = Result(c3)\n";

std::vector<std::string> quantized(const Graph& graph, const Plan& plan) {
  std::vector<std::string> names;
  for (const Quantizer& q : plan.quantizers)
    if (!q.weight) names.push_back(graph.value(q.value).name);
  return names;
}

TEST(FloatProducts, OnlyWhatProductsAndMeansReadLosesItsQuantizer) {
  const Graph graph = parse_graph(kBlock);
  Plan plan = place(graph, {});
  ASSERT_THAT(quantized(graph, plan), testing::IsSupersetOf({"c1", "gate", "mul"}));
  const size_t before = plan.quantizers.size();
  leave_products_in_float(graph, {.layers_may_end_in_floats = true}, plan);
  EXPECT_EQ(plan.quantizers.size(), before - 2);
  const auto is_mul = [&](const FloatReason& f) { return graph.node(f.node).name == "mul"; };
  EXPECT_EQ(std::ranges::count_if(plan.left_float, is_mul), 1);
  EXPECT_THAT(quantized(graph, plan), testing::IsSupersetOf({"in", "pool", "mul", "c2", "add"}));
  EXPECT_THAT(quantized(graph, plan), testing::Not(testing::Contains("c1")));
  EXPECT_THAT(quantized(graph, plan), testing::Not(testing::Contains("gate")));
}

TEST(FloatProducts, KernelsThatEndInQuantizersNeedThemButInFrontOfHardSwish) {
  const Kernels kernels{.layers_end_in_any_activation = false};
  for (const bool swish : {false, true}) {
    std::string text = kBlock;
    if (swish)
      text.replace(text.find("pool"), 0,
                   "swish = HSwish/hswish(c1) : f32[1,8,8,8]\nscaled = Multiply(swish, const k "
                   "f32[1]) : f32[1,8,8,8]\n");
    if (swish)
      text.replace(text.find("ReduceMean(c1"), 13, "ReduceMean(scaled"),
          text.replace(text.find("Multiply(c1"), 11, "Multiply(scaled");
    const Graph graph = parse_graph(text);
    Plan plan = place(graph, {}, kernels);
    const size_t before = plan.quantizers.size();
    leave_products_in_float(graph, kernels, plan);
    EXPECT_EQ(plan.quantizers.size(), swish ? before - 2 : before);
    EXPECT_THAT(quantized(graph, plan), testing::Contains("c1"));
  }
}

}  // namespace
}  // namespace eightbit::placement
