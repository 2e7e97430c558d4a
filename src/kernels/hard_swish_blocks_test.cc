#include "kernels/hard_swish_blocks.h"

#include <gtest/gtest.h>

#include "quant/channels.h"

namespace eightbit {
namespace {

ValueId add_numbers(Graph& graph, const std::string& name, const std::vector<float>& values,
                    Shape shape) {
  Constant constant;
  constant.load = [tensor = Tensor::from_floats(values, shape)] { return tensor; };
  return graph.add_constant(name, DType::f32, std::move(shape), std::move(constant));
}

const Shape kImage = {1, 2, 4, 4};

// Convolution, 2x, +1, hard swish, 0.5x, depthwise convolution.
struct Network {
  Network() {
    const ValueId input =
        graph.add_output(graph.add_node("in", "Parameter", Op::parameter, {}), DType::f32, kImage);
    weight = add_numbers(graph, "w", {1, 2, 3, 4}, {2, 2, 1, 1});
    const ValueId bias = add_numbers(graph, "b", {10, 20}, {2});
    const ValueId layer = add("layer", Op::convolution, {input, weight, bias});
    const ValueId twice = add("twice", Op::multiply, {layer, add_numbers(graph, "two", {2}, {1})});
    before = add("more", Op::add, {twice, add_numbers(graph, "one", {1}, {1})});
    const ValueId active = add("active", Op::hswish, {before});
    behind = add("half", Op::divide, {active, add_numbers(graph, "2", {2}, {})});
    depthwise = add_numbers(graph, "dw", {1, 1}, {2, 1, 1, 1, 1});
    add("next", Op::depthwise_convolution, {behind, depthwise});
    quantize(input, {0}, {1});
    quantize(before, {-1, -4}, {1, 4});
    quantize(behind, {-1, -4}, {1, 4});
    quantize(weight, {-4}, {4});
    plan.quantizers.back().weight = true;
    plan.biases = {{graph.find("layer"), 1, {1, 2}}};
  }

  ValueId add(const std::string& name, Op op, std::vector<ValueId> inputs) {
    return graph.add_output(graph.add_node(name, name, op, std::move(inputs)), DType::f32, kImage);
  }

  void quantize(ValueId value, std::vector<float> low, std::vector<float> high) {
    Quantizer q;
    q.value = value;
    q.uses = graph.value(value).uses;
    q.low = std::move(low), q.high = std::move(high);
    q.levels = 256;
    if (q.low.size() > 1) q.channel_axes = {1};
    plan.quantizers.push_back(std::move(q));
  }

  Graph graph;
  Plan plan;
  ValueId weight = kNone, before = kNone, behind = kNone, depthwise = kNone;
};

TEST(HardSwishBlocks, NumbersAroundHardSwishAreFound) {
  const Network n;
  const auto blocks = hard_swish_blocks(n.graph, n.plan);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].layer, n.graph.find("layer"));
  EXPECT_EQ(blocks[0].before.factor, 2.0f);
  EXPECT_EQ(blocks[0].before.shift, 1.0f);
  EXPECT_EQ(blocks[0].behind.factor, 0.5f);
  EXPECT_EQ(blocks[0].behind.shift, 0.0f);
  EXPECT_EQ(n.plan.quantizers[blocks[0].input].value, n.before);
  EXPECT_EQ(n.plan.quantizers[blocks[0].output].value, n.behind);
}

TEST(HardSwishBlocks, WithoutAQuantizerOnEitherSideThereIsNone) {
  for (size_t i : {1, 2}) {
    Network n;
    n.plan.quantizers.erase(n.plan.quantizers.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(hard_swish_blocks(n.graph, n.plan).empty());
  }
}

TEST(HardSwishBlocks, ChannelsMayOnlyDifferInFrontOfDepthwiseLayers) {
  Network n;
  n.graph.nodes[static_cast<size_t>(n.graph.find("next"))].op = Op::convolution;
  EXPECT_TRUE(hard_swish_blocks(n.graph, n.plan).empty());
}

TEST(HardSwishBlocks, ADepthwiseLayerBehindAConvolutionIsOneWithoutHardSwish) {
  Network n;
  const Node& layer = n.graph.node(n.graph.find("layer"));
  Node& next = n.graph.nodes[static_cast<size_t>(n.graph.find("next"))];
  std::erase(n.graph.values[static_cast<size_t>(n.behind)].uses, Use{next.id, 0});
  next.inputs[0] = layer.outputs[0];
  n.graph.values[static_cast<size_t>(layer.outputs[0])].uses = {{next.id, 0}};
  n.plan.quantizers.erase(n.plan.quantizers.begin() + 1, n.plan.quantizers.begin() + 3);
  n.quantize(layer.outputs[0], {-1, -4}, {1, 4});
  const auto blocks = hard_swish_blocks(n.graph, n.plan);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].activation, kNone);
  EXPECT_EQ(blocks[0].layer, layer.id);
  EXPECT_EQ(blocks[0].input, blocks[0].output);
}

TEST(HardSwishBlocks, ZeroPointsAreCompared) {
  Network n;
  EXPECT_TRUE(shares_zero_point(n.plan.quantizers[1]));
  n.plan.quantizers[1].low = {0, -4};
  EXPECT_FALSE(shares_zero_point(n.plan.quantizers[1]));
}

TEST(HardSwishBlocks, LayersTakeOverNumbersAndFactors) {
  const Network n;
  const auto blocks = hard_swish_blocks(n.graph, n.plan);
  const Plan scaled = with_scaled_blocks(n.graph, n.plan, blocks);
  EXPECT_EQ(channel_factors(n.plan.quantizers[1]), (std::vector{4.0f, 1.0f}));
  const Use use{n.graph.find("layer"), 1}, next{n.graph.find("next"), 1};
  EXPECT_EQ(to_floats(weight_of(n.graph, scaled, n.weight, use)),
            (std::vector{8.0f, 16.0f, 6.0f, 8.0f}));
  EXPECT_EQ(to_floats(weight_of(n.graph, scaled, n.depthwise, next)), (std::vector{0.25f, 1.0f}));
  // 4 * (2 * (10 + 1) + 1) and 1 * (2 * (20 + 2) + 1), less what the layer has.
  EXPECT_EQ(scaled.biases[0].shift, (std::vector{92.0f - 10.0f, 45.0f - 20.0f}));
  EXPECT_EQ(scaled.quantizers[3].high, (std::vector{32.0f, 8.0f}));
  for (size_t i : {1, 2}) {
    EXPECT_EQ(scaled.quantizers[i].low, std::vector{-4.0f});
    EXPECT_EQ(scaled.quantizers[i].high, std::vector{4.0f});
    EXPECT_TRUE(scaled.quantizers[i].channel_axes.empty());
  }
}

}  // namespace
}  // namespace eightbit
