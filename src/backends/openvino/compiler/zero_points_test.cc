#include "backends/openvino/compiler/zero_points.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

NodePtr quantized(const ov::Output<ov::Node>& value, float low, const std::string& name = "in") {
  const auto least = constant(name + "/low", {}, {low}), most = constant(name + "/high", {}, {6});
  return named(std::make_shared<op::FakeQuantize>(value, least, most, least, most, 256), name);
}

NodePtr unpadded(const ov::Output<ov::Node>& data, const std::string& name = "conv") {
  const ov::CoordinateDiff none{0, 0};
  const ov::Strides one{1, 1};
  return named(
      std::make_shared<op::Convolution>(data, weights("w", {4, 3, 2, 2}), one, none, none, one),
      name);
}

NodePtr product(const ov::Output<ov::Node>& data, const ov::Output<ov::Node>& w, bool turned) {
  return named(std::make_shared<op::MatMul>(data, w, false, turned), "product");
}

std::shared_ptr<ov::Model> with_convolution(float low) {
  const auto input = parameter("x", {1, 3, 8, 8});
  const NodePtr bias =
      std::make_shared<op::Add>(unpadded(quantized(input, low)), weights("b", {1, 4, 1, 1}));
  return model_of({named(bias, "bias")}, {input});
}

std::shared_ptr<ov::Model> with_product(const ov::PartialShape& shape, bool turned = false) {
  const auto input = parameter("x", shape);
  const NodePtr w = turned ? weights("w", {16, 12}) : weights("w", {12, 16});
  return model_of({product(quantized(input, -0.25f), w, turned)}, {input});
}

double low_behind(const ov::Model& model) {
  const NodePtr quantizer = find(model, "in");
  return ov::as_type<const op::Constant>(quantizer->get_input_node_ptr(3))
      ->cast_vector<double>()
      .front();
}

// Whether the zero point went, and the model yields what it did.
bool folds(const std::shared_ptr<ov::Model>& model) {
  const auto before = read(model->clone());
  fold_zero_points(*model);
  const auto after = read(model);
  const Sample sample = sample_of(*before);
  const auto a = run(*before, sample).at(0), b = run(*after, sample).at(0);
  float largest = 0;
  for (float x : a) largest = std::max(largest, std::fabs(x));
  EXPECT_GT(largest, 0.1f);
  EXPECT_LT(largest_difference(a, b), 1e-5f * largest);
  return low_behind(*model) == 0;
}

TEST(ZeroPoints, GoIntoWhatIsAddedBehindLayersWithoutPadding) {
  EXPECT_TRUE(folds(with_convolution(-0.25f)));
  EXPECT_TRUE(folds(with_product({9, 12})));
  EXPECT_TRUE(folds(with_product({1, 3, 12}, true)));
  const auto input = parameter("x", {1, 4, 3, 3});
  const NodePtr flat =
      std::make_shared<op::Reshape>(quantized(input, -0.25f), integers({3, 12}), false);
  const NodePtr rows = std::make_shared<op::Unsqueeze>(flat, integers({0}));
  EXPECT_TRUE(folds(model_of({product(rows, weights("w", {12, 16}), false)}, {input})));
}

// As TensorFlow, Keras and TensorFlow Lite write every convolution.
TEST(ZeroPoints, PaddingThatFollowsTheInputIsNoneOfKernelsOfOnePosition) {
  const auto same = [](const ov::PartialShape& shape, const ov::Shape& kernel) {
    const auto input = parameter("x", shape);
    auto node = convolution("conv", quantized(input, -0.25f), weights("w", kernel));
    ov::as_type<op::Convolution>(node.get())->set_auto_pad(ov::op::PadType::SAME_UPPER);
    node->validate_and_infer_types();
    auto model = model_of({node}, {input});
    fold_zero_points(*model);
    return low_behind(*model) == 0;
  };
  EXPECT_TRUE(same({1, 3, 8, 8}, {4, 3, 1, 1}));
  EXPECT_TRUE(same({-1, 3, -1, -1}, {4, 3, 1, 1}));
  EXPECT_FALSE(same({1, 3, 8, 8}, {4, 3, 3, 3}));
  EXPECT_FALSE(same({1, 3, -1, 8}, {4, 3, 3, 3}));
}

TEST(ZeroPoints, OthersStay) {
  EXPECT_FALSE(folds(with_convolution(-6.0f * 128 / 127)));  // the middle
  EXPECT_FALSE(folds(with_product({8, 12})));  // which OpenVINO may make one kernel of
  const auto input = parameter("x", {1, 3, 8, 8});
  EXPECT_FALSE(folds(model_of(
      {convolution("padded", quantized(input, -0.25f), weights("w", {4, 3, 3, 3}))}, {input})));
  const NodePtr twice = quantized(input, -0.25f);
  EXPECT_FALSE(folds(model_of({unpadded(twice), std::make_shared<op::Relu>(twice)}, {input})));
  const auto left = parameter("x", {1, 3, 12}), right = parameter("y", {1, 12, 16});
  EXPECT_FALSE(folds(model_of({product(quantized(left, -0.25f), right, false)}, {left, right})));
}

TEST(ZeroPoints, WhatIsAddedIsReadAsPartOfTheLayer) {
  const auto model = with_convolution(-0.25f);
  const auto before = read(model->clone());
  fold_zero_points(*model);
  ASSERT_NE(find(*model, "conv/zero_point"), nullptr);
  const auto after = read(model);
  EXPECT_EQ(after->graph().find("conv/zero_point"), kNone);
  EXPECT_EQ(after->graph().nodes.size(), before->graph().nodes.size());
  const Graph& graph = after->graph();
  const ValueId value = graph.node(graph.find("conv")).outputs.at(0);
  EXPECT_EQ(after->reading().values[value].get_node()->get_friendly_name(), "conv/zero_point");
  EXPECT_EQ(graph.node(graph.find("bias")).inputs.at(0), value);
  const Copy copy = after->copy();
  EXPECT_EQ(copy.values[value].get_node()->get_friendly_name(), "conv/zero_point");
}

TEST(ZeroPoints, NamesOfOutputsMoveAlong) {
  const auto model = with_product({9, 12});
  fold_zero_points(*model);
  EXPECT_EQ(model->output("product_out").get_node()->get_input_node_ptr(0)->get_friendly_name(),
            "product/zero_point");
}

// Passed by, a quantizer still hands on what its readers take: x - low.
TEST(ZeroPoints, StayWhereAQuantizerIsPassedBy) {
  const auto input = parameter("x", {1, 3, 8, 8});
  const auto plain = read(model_of({unpadded(input)}, {input}));
  const auto quantized_input = parameter("x", {1, 3, 8, 8});
  const auto model = model_of({unpadded(quantized(quantized_input, -0.25f))}, {quantized_input});
  fold_zero_points(*model);
  const auto other = read(model);
  backends::NetworkComparison compared;
  compared.other = other.get();
  compared.bypassed = {other->graph().find("in")};
  const auto value = [](const OpenVinoModel& of) {
    return of.graph().node(of.graph().find("conv")).outputs.at(0);
  };
  compared.comparisons = {{value(*plain), value(*other)}};
  const auto executor = plain->compile(compared);
  double noise = -1, signal = 0;
  executor->run_one(sample_of(*plain), [&](int64_t, std::span<const float> record) {
    signal = record[0], noise = record[1];
  });
  EXPECT_GT(signal, 0.01);
  EXPECT_GE(noise, 0);
  EXPECT_LT(noise, 1e-8 * signal);
}

}  // namespace
}  // namespace eightbit::openvino
