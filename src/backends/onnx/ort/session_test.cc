#include "backends/onnx/ort/session.h"

#include <gmock/gmock.h>

#include <cmath>

#include "backends/onnx/test_graphs.h"

namespace eightbit::onnx {
namespace {

using test::TestGraph;
using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

std::vector<float> waves(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = 0.05f * std::sin(0.37f * static_cast<float>(i));
  return values;
}

// A convolution and a product whose weights are large enough to be fed; the bias is not.
std::shared_ptr<const Content> network() {
  TestGraph g;
  g.input("x", {1, 64, 6, 6}).output("y", {1, 64});
  g.constant("w", {64, 64, 3, 3}, waves(64 * 64 * 9))
      .constant("b", {64})
      .constant("m", {1024, 64}, waves(1024 * 64));
  g.node("Conv", {"x", "w", "b"}, "c");
  g.node("Relu", {"c"}, "r");
  g.node("Flatten", {"r"}, "f");
  g.node("MatMul", {"f", "m"}, "y");
  return g.parse();
}

TEST(OnnxSession, WeightsThatAreFedGiveTheSame) {
  const auto content = network();
  const Tensor input = Tensor::from_floats(waves(64 * 36), {1, 64, 6, 6});
  SessionSettings settings;
  const auto held = Session(*content, settings).run(std::span(&input, 1));
  settings.feeds_weights = true;
  Session feeding(*content, settings);
  for (int turn = 0; turn < 2; ++turn) {
    const auto fed = feeding.run(std::span(&input, 1));
    ASSERT_EQ(fed.size(), 1u);
    EXPECT_THAT(fed[0].as<float>(), Pointwise(FloatNear(1e-4f), held[0].as<float>()));
  }
}

TEST(OnnxSession, OnlyLargeWeightsBecomeInputs) {
  const auto content = network();
  GraphProto graph = content->model.graph();
  EXPECT_THAT(declare_weights(graph, content->weights, 64 << 10), ElementsAre("w", "m"));
  ASSERT_EQ(graph.input_size(), 3);
  EXPECT_EQ(graph.input(0).name(), "x");
  EXPECT_EQ(graph.input(2).type().tensor_type().shape().dim(0).dim_value(), 1024);
  ASSERT_EQ(graph.initializer_size(), 1);
  EXPECT_EQ(graph.initializer(0).name(), "b");
}

}  // namespace
}  // namespace eightbit::onnx
