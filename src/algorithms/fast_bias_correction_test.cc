#include "algorithms/fast_bias_correction.h"

#include <gtest/gtest.h>

#include "algorithms/test_network.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"

namespace eightbit::algorithms {
namespace {

// A layer with coarse weights, whose input channels have known means.
struct Layer {
  Graph graph;
  ValueId input, weight;
  std::vector<float> values, means;
  Shape shape;

  Layer(Op op, Shape input_shape, Shape weight_shape, Shape output, int64_t channel_axis = 1,
        Attributes attributes = {})
      : shape(weight_shape) {
    Random random(5);
    values = random.normal(element_count(shape), 0.5f);
    means = random.normal(input_shape[static_cast<size_t>(channel_axis)], 2.0f);
    input = add_input(graph, input_shape);
    weight = add_weight(graph, "weight", values, shape);
    add_layer(graph, "layer", op, input, weight, output, std::move(attributes));
  }

  Plan plan(std::vector<int64_t> axes) const {
    Quantizer q = quantizer_of(weight, {1, 1}, {.bits = 4, .per_channel = true}, true, axes);
    const Extremes found = extremes(values, shape, axes);
    const QuantizedRange range = symmetric_range(found.min, found.abs_max, 4, false, true);
    q.low = range.low, q.high = range.high, q.levels = range.levels;
    Plan plan;
    plan.quantizers = {q};
    return plan;
  }

  std::vector<BiasShift> correct(const Plan& plan, const QuantizeOptions& options = {}) const {
    records::TapRequest taps(graph);
    fast_bias_correction_request(graph, plan, taps);
    const std::vector<float> zeros(means.size());
    const auto data = statistics_of(taps, {{zeros, zeros, means}});
    return fast_bias_shifts(graph, data, options, plan);
  }

  // W - W_q of one element.
  double error(const Plan& plan, int64_t index, size_t channel) const {
    const Quantizer& q = plan.quantizers[0];
    const float w = values[static_cast<size_t>(index)];
    return w - fake_quantize(w, q.low[channel], q.high[channel], q.levels);
  }
};

void expect_near(const std::vector<float>& shift, const std::vector<double>& expected) {
  ASSERT_EQ(shift.size(), expected.size());
  for (size_t c = 0; c < shift.size(); ++c) EXPECT_NEAR(shift[c], expected[c], 1e-4) << c;
}

TEST(FastBiasCorrection, Convolution) {
  const Layer layer(Op::convolution, {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 6, 6});
  const Plan plan = layer.plan({0});
  std::vector<double> expected(4);
  for (int o = 0; o < 4; ++o)
    for (int i = 0; i < 3; ++i)
      for (int k = 0; k < 9; ++k)
        expected[size_t(o)] +=
            layer.error(plan, (o * 3 + i) * 9 + k, size_t(o)) * layer.means[size_t(i)];
  const auto shifts = layer.correct(plan);
  ASSERT_EQ(shifts.size(), 1u);
  EXPECT_EQ(shifts[0].axis, 1);
  expect_near(shifts[0].shift, expected);
  EXPECT_GT(std::fabs(expected[0]), 1e-2);  // 4 bits leave something to correct
}

TEST(FastBiasCorrection, GroupConvolution) {
  const Layer layer(Op::group_convolution, {1, 6, 8, 8}, {2, 2, 3, 3, 3}, {1, 4, 6, 6});
  const Plan plan = layer.plan({0, 1});
  std::vector<double> expected(4);
  for (int g = 0; g < 2; ++g)
    for (int o = 0; o < 2; ++o)
      for (int i = 0; i < 3; ++i)
        for (int k = 0; k < 9; ++k)
          expected[size_t(g * 2 + o)] +=
              layer.error(plan, ((g * 2 + o) * 3 + i) * 9 + k, size_t(g * 2 + o)) *
              layer.means[size_t(g * 3 + i)];
  expect_near(layer.correct(plan).at(0).shift, expected);
}

TEST(FastBiasCorrection, TransposedConvolutionSpreadsAnInputOverItsStride) {
  Attributes attributes;
  attributes.strides = {2, 2};
  const Layer layer(Op::convolution_backprop, {1, 3, 4, 4}, {3, 5, 2, 2}, {1, 5, 8, 8}, 1,
                    attributes);
  const Plan plan = layer.plan({1});
  std::vector<double> expected(5);
  for (int i = 0; i < 3; ++i)
    for (int o = 0; o < 5; ++o)
      for (int k = 0; k < 4; ++k)
        expected[size_t(o)] +=
            layer.error(plan, (i * 5 + o) * 4 + k, size_t(o)) * layer.means[size_t(i)] / 4;
  expect_near(layer.correct(plan).at(0).shift, expected);
}

TEST(FastBiasCorrection, GroupedTransposedConvolution) {
  Attributes attributes;
  attributes.strides = {1, 1};
  const Layer layer(Op::group_convolution_backprop, {1, 4, 4, 4}, {2, 2, 3, 1, 1}, {1, 6, 4, 4}, 1,
                    attributes);
  const Plan plan = layer.plan({0, 2});
  std::vector<double> expected(6);
  for (int g = 0; g < 2; ++g)
    for (int i = 0; i < 2; ++i)
      for (int o = 0; o < 3; ++o)
        expected[size_t(g * 3 + o)] += layer.error(plan, (g * 2 + i) * 3 + o, size_t(g * 3 + o)) *
                                       layer.means[size_t(g * 2 + i)];
  expect_near(layer.correct(plan).at(0).shift, expected);
}

TEST(FastBiasCorrection, ProductWithTransposedWeight) {
  Attributes attributes;
  attributes.transpose_b = true;
  const Layer layer(Op::mat_mul, {1, 7, 6}, {4, 6}, {1, 7, 4}, 2, attributes);
  const Plan plan = layer.plan({0});
  std::vector<double> expected(4);
  for (int o = 0; o < 4; ++o)
    for (int i = 0; i < 6; ++i)
      expected[size_t(o)] += layer.error(plan, o * 6 + i, size_t(o)) * layer.means[size_t(i)];
  const auto shifts = layer.correct(plan);
  EXPECT_EQ(shifts.at(0).axis, 2);
  expect_near(shifts[0].shift, expected);
}

TEST(FastBiasCorrection, ScalesInFrontDivideTheMeans) {
  const Layer layer(Op::mat_mul, {1, 7, 6}, {6, 4}, {1, 7, 4}, 2);
  Plan plan = layer.plan({1});
  const std::vector<float> plain = layer.correct(plan).at(0).shift;
  plan.scales.push_back({layer.input, {{1, 0}}, std::vector<float>(6, 0.5f), 2});
  const std::vector<float> halved = layer.correct(plan).at(0).shift;
  for (size_t c = 0; c < plain.size(); ++c) EXPECT_NEAR(halved[c], plain[c] / 2, 1e-5);
}

TEST(FastBiasCorrection, RoundingOfWeightsCountsAsError) {
  const Layer layer(Op::convolution, {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 6, 6});
  Plan plan = layer.plan({0});
  const std::vector<float> plain = layer.correct(plan).at(0).shift;
  std::vector<float> stored = layer.values;
  for (int64_t i = 0; i < 4 * 27; ++i)
    stored[size_t(i)] -= static_cast<float>(layer.error(plan, i, size_t(i / 27)));
  round_constant(plan, layer.weight, {{1, 1}}, Tensor::from_floats(stored, layer.shape));
  const std::vector<float> rounded = layer.correct(plan).at(0).shift;
  for (size_t c = 0; c < plain.size(); ++c) EXPECT_NEAR(rounded[c], plain[c], 1e-4);
}

TEST(FastBiasCorrection, FloatWeightsAndUnmeasuredInputsAreLeft) {
  const Layer layer(Op::convolution, {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 6, 6});
  EXPECT_TRUE(layer.correct(Plan{}).empty());
  const records::StatisticsData nothing("model", "data", {});
  EXPECT_TRUE(fast_bias_shifts(layer.graph, nothing, {}, layer.plan({0})).empty());
}

// Recipe nncf wants a bias that the shift does not dwarf.
size_t corrected_with_bias(const std::vector<float>& bias, std::optional<double> threshold = {}) {
  Layer layer(Op::convolution, {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 6, 6});
  if (!bias.empty()) add_bias(layer.graph, "bias", layer.graph.node(1).outputs[0], bias);
  QuantizeOptions options;
  options.recipe = Recipe::nncf;
  options.advanced_parameters.bias_correction_params.threshold = threshold;
  return layer.correct(layer.plan({0}), options).size();
}

TEST(FastBiasCorrection, RecipeNncfHasAThreshold) {
  EXPECT_EQ(corrected_with_bias({}), 0u);
  EXPECT_EQ(corrected_with_bias({100, 100, 100, 100}), 1u);
  EXPECT_EQ(corrected_with_bias({100, 1e-3f, 100, 100}), 0u);
  EXPECT_EQ(corrected_with_bias({100, 1e-3f, 100, 100}, 1e9), 1u);
}

// ONNX and PyTorch: the bias is an input of the layer.
TEST(FastBiasCorrection, RecipeNncfSeesABiasThatTheLayerAddsItself) {
  const auto corrected = [](float bias) {
    Layer layer(Op::convolution, {1, 3, 8, 8}, {4, 3, 3, 3}, {1, 4, 6, 6});
    const ValueId added = add_weight(layer.graph, "bias", std::vector<float>(4, bias), Shape{4});
    layer.graph.nodes[1].inputs.push_back(added);
    layer.graph.values[static_cast<size_t>(added)].uses.push_back({1, 2});
    QuantizeOptions options;
    options.recipe = Recipe::nncf;
    return layer.correct(layer.plan({0}), options).size();
  };
  EXPECT_EQ(corrected(10), 1u);
  EXPECT_EQ(corrected(1e-4f), 0u);
}

TEST(FastBiasCorrection, AZeroInTheBiasDoesNotForbidIt) {
  EXPECT_EQ(corrected_with_bias({100, 0, 100, 100}), 1u);
  EXPECT_EQ(corrected_with_bias({0, 0, 0, 0}), 1u);
}

}  // namespace
}  // namespace eightbit::algorithms
