#include "backends/openvino/compiler/padded_convolutions.h"

#include <gtest/gtest.h>

#include <functional>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

constexpr size_t kChannels = 16;

NodePtr quantized(const ov::Output<ov::Node>& value, float low, const std::string& name) {
  const auto least = constant(name + "/low", {}, {low}), most = constant(name + "/high", {}, {6});
  return named(std::make_shared<op::FakeQuantize>(value, least, most, least, most, 256), name);
}

NodePtr convolution_of(const ov::Output<ov::Node>& data, int64_t kernel, int64_t pad) {
  const auto side = static_cast<size_t>(kernel);
  const NodePtr w = weights("w", {kChannels, kChannels, side, side});
  const ov::CoordinateDiff pads{pad, pad};
  const ov::Strides one{1, 1};
  return named(std::make_shared<op::Convolution>(data, w, one, pads, pads, one), "conv");
}

using Behind = std::function<NodePtr(const NodePtr&)>;

struct Layer {
  float low = -0.25f;
  int64_t pad = 1;
  ov::PartialShape shape = {1, 16, 8, 8};
  Behind behind = [](const NodePtr& node) -> NodePtr { return std::make_shared<op::Swish>(node); };
};

std::shared_ptr<ov::Model> model_with(const Layer& layer) {
  const auto input = parameter("x", layer.shape);
  const NodePtr conv = convolution_of(quantized(input, layer.low, "in"), 3, layer.pad);
  const NodePtr sum = std::make_shared<op::Add>(conv, weights("bias", {1, kChannels, 1, 1}));
  const NodePtr last = quantized(layer.behind(sum), -0.25f, "out");
  return model_of({convolution_of(last, 1, 0)}, {input});
}

// How many ranges the quantizer behind has afterwards.
size_t ranges(const std::shared_ptr<ov::Model>& model) {
  prefer_faster_padded_kernels(*model);
  return ov::shape_size(find(*model, "out")->get_input_shape(2));
}

TEST(PaddedConvolutions, AZeroPointAndPaddingMakeTheQuantizerBehindOneByChannel) {
  EXPECT_EQ(ranges(model_with({})), kChannels);
  EXPECT_EQ(ranges(model_with({.shape = {-1, 16, -1, -1}})), kChannels);
  EXPECT_EQ(ranges(model_with({.behind = [](const NodePtr& node) -> NodePtr {
              return std::make_shared<op::Multiply>(node, std::make_shared<op::Sigmoid>(node));
            }})),
            kChannels);
  EXPECT_EQ(ranges(model_with({.behind = [](const NodePtr& node) -> NodePtr {
              return std::make_shared<op::Tanh>(node);
            }})),
            kChannels);
}

TEST(PaddedConvolutions, OthersStay) {
  EXPECT_EQ(ranges(model_with({.low = 0})), 1);
  EXPECT_EQ(ranges(model_with({.low = -6.0f * 128 / 127})), 1);
  EXPECT_EQ(ranges(model_with({.pad = 0})), 1);
  EXPECT_EQ(ranges(model_with({.shape = {1, 16, 90, 90}})), 1);
  EXPECT_EQ(ranges(model_with({.shape = {1, 16, 32, 32}})), 1);
  EXPECT_EQ(ranges(model_with({.behind = [](const NodePtr& node) { return node; }})), 1);
  EXPECT_EQ(ranges(model_with({.behind = [](const NodePtr& node) -> NodePtr {
              return std::make_shared<op::MaxPool>(node, ov::Strides{1, 1}, ov::Strides{1, 1},
                                                   ov::Shape{0, 0}, ov::Shape{0, 0},
                                                   ov::Shape{2, 2})
                  ->output(0)
                  .get_node_shared_ptr();
            }})),
            1);
}

TEST(PaddedConvolutions, AQuantizerThatIsNotTheOnlyReaderStays) {
  const auto input = parameter("x", {1, 16, 8, 8});
  const NodePtr conv = convolution_of(quantized(input, -0.25f, "in"), 3, 1);
  EXPECT_EQ(ranges(model_of({convolution_of(quantized(conv, -0.25f, "out"), 1, 0), conv}, {input})),
            1);
}

// On CPUs with AMX another kernel computes it; on none another value.
TEST(PaddedConvolutions, WhatIsComputedStays) {
  const Layer layer;
  const auto before = read(model_with(layer)), after = [&] {
    const auto model = model_with(layer);
    prefer_faster_padded_kernels(*model);
    return read(model);
  }();
  const Sample sample = sample_of(*before);
  const auto a = run(*before, sample), b = run(*after, sample);
  float largest = 0;
  for (float x : a.at(0)) largest = std::max(largest, std::abs(x));
  EXPECT_GT(largest, 0.1f);
  // one step of one value, times a weight
  EXPECT_LT(largest_difference(a.at(0), b.at(0)), 6.25f / 255 * 1.01f);
}

}  // namespace
}  // namespace eightbit::openvino
