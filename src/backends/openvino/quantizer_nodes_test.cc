#include "backends/openvino/quantizer_nodes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends/openvino/constants.h"
#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

struct Ranges {
  const char* name;
  int levels;
  std::vector<float> low, high;
  ov::element::Type_t stored;
};

std::ostream& operator<<(std::ostream& out, const Ranges& ranges) { return out << ranges.name; }

class Compression : public testing::TestWithParam<Ranges> {};

Quantizer quantizer_of(const Ranges& ranges, std::vector<int64_t> axes) {
  Quantizer quantizer;
  quantizer.weight = true;
  quantizer.levels = ranges.levels;
  quantizer.low = ranges.low;
  quantizer.high = ranges.high;
  quantizer.channel_axes = std::move(axes);
  return quantizer;
}

// Values beyond the ranges, exactly on their ends, on zero, and exactly between two steps.
std::vector<float> awkward_values(const Ranges& ranges, size_t count) {
  auto values = noise(count, 11);
  for (float& value : values) value *= 3;
  const float step = (ranges.high[0] - ranges.low[0]) / static_cast<float>(ranges.levels - 1);
  const std::vector<float> special{0,
                                   -0.0f,
                                   ranges.low[0],
                                   ranges.high[0],
                                   ranges.low[0] + step / 2,
                                   ranges.low[0] + 1.5f * step,
                                   1e-30f,
                                   -1e30f,
                                   1e30f};
  std::copy(special.begin(), special.end(), values.begin());
  return values;
}

std::vector<int> steps_of(const std::vector<float>& values, const Ranges& ranges,
                          size_t per_channel) {
  std::vector<int> steps;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t channel = ranges.low.size() == 1 ? 0 : i / per_channel;
    const float step =
        (ranges.high[channel] - ranges.low[channel]) / static_cast<float>(ranges.levels - 1);
    steps.push_back(static_cast<int>(std::lround((values[i] - ranges.low[channel]) / step)));
  }
  return steps;
}

TEST_P(Compression, HoldsTheIntegersOfFakeQuantize) {
  const Ranges& ranges = GetParam();
  const ov::Shape shape{2, 5, 7};
  const auto source = constant("w", shape, awkward_values(ranges, 70));
  const auto quantizer = quantizer_of(
      ranges, ranges.low.size() > 1 ? std::vector<int64_t>{0} : std::vector<int64_t>{});
  ASSERT_TRUE(can_compress(quantizer));
  const auto expected = to_floats(evaluate_constant(fake_quantize(source, quantizer, "fq")));
  const auto output = compress(source, quantizer, "fq");
  const auto values = to_floats(evaluate_constant(output));
  EXPECT_EQ(steps_of(values, ranges, 35), steps_of(expected, ranges, 35));
  EXPECT_LT(largest_difference(values, expected), 1e-5f);
  EXPECT_EQ(stored_constant(output)->get_output_element_type(0), ranges.stored);
}

constexpr float kEdge = 128.0f / 127.0f;
INSTANTIATE_TEST_SUITE_P(
    Schemes, Compression,
    testing::Values(
        Ranges{"symmetric", 256, {-2 * kEdge, -1 * kEdge}, {2, 1}, ov::element::Type_t::i8},
        Ranges{"narrow", 255, {-2, -1}, {2, 1}, ov::element::Type_t::i8},
        Ranges{"half_range", 255, {-4}, {4}, ov::element::Type_t::i8},
        Ranges{"unsigned", 256, {0, 0}, {2, 1.5f}, ov::element::Type_t::u8},
        Ranges{"asymmetric", 256, {-1.0f, -0.5f}, {1.55f, 2.05f}, ov::element::Type_t::i8},
        Ranges{"off_grid_zero", 256, {-1.0f, -0.3f}, {2.0f, 1.1f}, ov::element::Type_t::i8},
        Ranges{"positive_only", 256, {0.5f, 1.0f}, {2.0f, 3.0f}, ov::element::Type_t::i8},
        Ranges{"seven_bits", 128, {-2 * 64.0f / 63.0f}, {2}, ov::element::Type_t::i8},
        Ranges{"four_bits", 16, {-2 * 8.0f / 7.0f}, {2}, ov::element::Type_t::i4},
        Ranges{"four_bits_narrow", 15, {-2, -1}, {2, 1}, ov::element::Type_t::i4},
        Ranges{"four_bits_unsigned", 16, {0}, {2}, ov::element::Type_t::u4}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(QuantizerNodes, LaysChannelsOverSeveralAxes) {
  const ov::Shape shape{2, 3, 4, 5};
  Ranges ranges{"", 255, {}, {}, {}};
  for (int i = 0; i < 8; ++i) {
    ranges.high.push_back(0.2f + 0.1f * static_cast<float>(i));
    ranges.low.push_back(-ranges.high.back());
  }
  const auto quantizer = quantizer_of(ranges, {0, 2});
  const auto source = weights("w", shape);
  EXPECT_EQ(channel_shape(shape, {0, 2}, 8, "w"), (ov::Shape{2, 1, 4, 1}));
  const auto expected = to_floats(evaluate_constant(fake_quantize(source, quantizer, "fq")));
  EXPECT_LT(
      largest_difference(to_floats(evaluate_constant(compress(source, quantizer, "fq"))), expected),
      1e-6f);
}

TEST(QuantizerNodes, LaysChannelsOverTheLastAxis) {
  Ranges ranges{"", 255, {-0.5f, -1, -2}, {0.5f, 1, 2}, {}};
  const auto quantizer = quantizer_of(ranges, {-1});
  const auto source = weights("w", {6, 3});
  const auto expected = to_floats(evaluate_constant(fake_quantize(source, quantizer, "fq")));
  EXPECT_LT(
      largest_difference(to_floats(evaluate_constant(compress(source, quantizer, "fq"))), expected),
      1e-6f);
}

TEST(QuantizerNodes, LeavesWideAndEmptyRangesUncompressed) {
  EXPECT_FALSE(can_compress(quantizer_of({"", 65536, {-1}, {1}, {}}, {})));
  EXPECT_FALSE(can_compress(quantizer_of({"", 256, {-1, 0}, {1, 0}, {}}, {0})));
}

// What the CPU plugin runs in 8 bits once activations and weights are quantized.
std::string executed(const std::shared_ptr<ov::Model>& original, const std::string& node,
                     std::vector<int64_t> axes, size_t channels) {
  const auto model = read(original);
  const Graph& graph = model->graph();
  Plan plan;
  plan.quantizers.push_back(input_quantizer(graph, node, 0, 0.0f, 2.0f));
  plan.quantizers.push_back(weight_quantizer(graph, node, 1, std::move(axes), channels));
  const auto quantized = model->apply(plan, {});
  for (const auto& layer : quantized->executed_precisions(sample_of(*model)))
    if (layer.type == "Convolution" || layer.type == "Deconvolution" || layer.type == "MatMul" ||
        layer.type == "FullyConnected" || layer.type == "RNNSeq")
      return layer.precision;
  return "no such layer";
}

std::shared_ptr<ov::Model> with_weights(const ov::Shape& input_shape, const ov::Shape& weight_shape,
                                        const std::function<NodePtr(NodePtr, NodePtr)>& make) {
  const auto input = parameter("input", ov::PartialShape(input_shape));
  const auto node = named(make(input, weights("w", weight_shape)), "node");
  return model_of({named(std::make_shared<op::Relu>(node), "relu")}, {input});
}

const ov::Strides kOne{1, 1};
const ov::CoordinateDiff kPad{1, 1};

bool is_eight_bit(const std::string& precision) { return precision == "i8" || precision == "u8"; }

TEST(ExecutedPrecision, ConvolutionsAndProductsRunInEightBits) {
  const auto conv = [](NodePtr x, NodePtr w) {
    return std::make_shared<op::Convolution>(x, w, kOne, kPad, kPad, kOne);
  };
  const auto group = [](NodePtr x, NodePtr w) {
    return std::make_shared<op::GroupConvolution>(x, w, kOne, kPad, kPad, kOne);
  };
  const auto back = [](NodePtr x, NodePtr w) {
    return std::make_shared<op::ConvolutionBackpropData>(x, w, kOne, kPad, kPad, kOne);
  };
  const auto product = [](NodePtr x, NodePtr w) {
    return std::make_shared<op::MatMul>(x, w, false, true);
  };
  const ov::Shape image{1, 32, 16, 16};
  EXPECT_PRED1(is_eight_bit, executed(with_weights(image, {32, 32, 3, 3}, conv), "node", {0}, 32));
  EXPECT_PRED1(is_eight_bit,
               executed(with_weights(image, {32, 1, 1, 3, 3}, group), "node", {0, 1}, 32));
  EXPECT_PRED1(is_eight_bit,
               executed(with_weights(image, {2, 16, 16, 3, 3}, group), "node", {0, 1}, 32));
  EXPECT_PRED1(is_eight_bit, executed(with_weights(image, {32, 16, 3, 3}, back), "node", {1}, 16));
  EXPECT_PRED1(is_eight_bit, executed(with_weights({8, 32}, {64, 32}, product), "node", {0}, 64));
}

// What a product by channel and a FakeQuantize behind it yield, in one op.
TEST(Scales, MoveIntoTheEndsOfTheRangeOfWhatIsQuantized) {
  const std::vector<float> factors{0.125f, 1, 8};
  Quantizer quantizer = quantizer_of({"", 256, {-1.0f}, {1.5f}, ov::element::i8}, {});
  const ScaleInsertion scale{0, {}, factors, 1};
  const auto x = constant("x", {1, 3, 40}, noise(120));
  const auto together = scale_and_quantize(x, scale, quantizer, "q");
  const auto product = std::make_shared<op::Multiply>(x, constant("f", {1, 3, 1}, factors));
  const auto apart = fake_quantize(product, quantizer, "q");
  const auto a = to_floats(evaluate_constant(together)), b = to_floats(evaluate_constant(apart));
  ASSERT_EQ(a.size(), b.size());
  int different = 0;  // a value halfway between two steps may be rounded to the other one
  for (size_t i = 0; i < a.size(); ++i) different += std::fabs(a[i] - b[i]) > 1e-5f;
  EXPECT_LE(different, 1);
}

TEST(ExecutedPrecision, LstmRunsInEightBits) {
  const auto x = parameter("input", {1, 5, 32});
  const auto h = constant("h", {1, 1, 32}, std::vector<float>(32, 0.1f)),
             c = constant("c", {1, 1, 32}, noise(32));
  const auto lstm =
      named(std::make_shared<op::LSTMSequence>(
                x, h, c, op::Constant::create(ov::element::i32, {1}, {5}),
                weights("W", {1, 128, 32}), weights("R", {1, 128, 32}), weights("B", {1, 128}), 32,
                ov::op::RecurrentSequenceDirection::FORWARD),
            "lstm");
  const auto model = read(model_of({lstm->output(0)}, {x}));
  const Graph& graph = model->graph();
  Plan plan;
  plan.quantizers.push_back(input_quantizer(graph, "lstm", 0, 0.0f, 2.0f));
  plan.quantizers.push_back(input_quantizer(graph, "lstm", 1, 0.0f, 2.0f));
  plan.quantizers.push_back(weight_quantizer(graph, "lstm", 4, {1}, 128));
  plan.quantizers.push_back(weight_quantizer(graph, "lstm", 5, {1}, 128));
  const auto quantized = model->apply(plan, {});
  std::string precision;
  for (const auto& layer : quantized->executed_precisions(sample_of(*model)))
    if (layer.type == "RNNSeq") precision = layer.precision;
  EXPECT_PRED1(is_eight_bit, precision);
}

}  // namespace
}  // namespace eightbit::openvino
