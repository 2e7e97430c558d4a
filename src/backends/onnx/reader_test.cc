#include "backends/onnx/reader.h"

#include <gmock/gmock.h>

#include "backends/onnx/test_graphs.h"
#include "base/float_tensor.h"

namespace eightbit::onnx {
namespace {

using test::TestGraph;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> types(const Graph& graph) {
  std::vector<std::string> out;
  for (const auto& node : graph.nodes) out.push_back(std::string(row(node.op).name));
  return out;
}

TEST(OnnxReader, ReadsNodesWithTypesShapesAndAttributes) {
  TestGraph g;
  g.input("x", {1, 3, 8, 8})
      .output("y", {1, 4, 4, 4})
      .constant("w", {4, 3, 3, 3})
      .constant("b", {4});
  NodeProto& conv = g.node("Conv", {"x", "w", "b"}, "c", "conv");
  set_attribute(conv, "strides", std::vector<int64_t>{2, 2});
  set_attribute(conv, "pads", std::vector<int64_t>{1, 1, 1, 1});
  g.node("Relu", {"c"}, "y");
  const Reading reading = read_graph(g.parse());
  EXPECT_EQ(to_text(reading.graph),
            "x = Parameter() : f32[1,3,8,8]\n"
            "conv = Conv/convolution(x, const w f32[4,3,3,3], const b f32[4]) : f32[1,4,4,4] "
            "{strides=2,2 "
            "dilations=1,1 pads_begin=1,1 pads_end=1,1}\n"
            "y = Relu(conv) : f32[1,4,4,4]\n"
            "y/result = Result(y) : f32[1,4,4,4]\n");
  EXPECT_EQ(reading.values[static_cast<size_t>(reading.graph.node(1).inputs[1])], "w");
  EXPECT_THAT(reading.inputs[1][0], ElementsAre(InputRef{0, 0}));
}

TEST(OnnxReader, ShowsGroupedWeightsWithTheirGroups) {
  TestGraph g;
  g.input("x", {1, 4, 8, 8}).output("y", {1, 4, 6, 6}).constant("w", {4, 1, 3, 3});
  set_attribute(g.node("Conv", {"x", "w"}, "y", "conv"), "group", int64_t{4});
  const Reading reading = read_graph(g.parse());
  const Node& conv = reading.graph.node(reading.graph.find("conv"));
  EXPECT_EQ(conv.op, Op::depthwise_convolution);
  const Value& weight = reading.graph.value(conv.inputs[1]);
  EXPECT_EQ(weight.shape, (Shape{4, 1, 1, 3, 3}));
  EXPECT_EQ(weight.constant->load().shape, weight.shape);
  EXPECT_TRUE(reading.grouped.contains(weight.id));
}

TEST(OnnxReader, FoldsConstantsAndNamesThemAfterWhatIsStored) {
  TestGraph g;
  g.input("x", {2, 3}).output("y", {2, 4}).constant("stored", {4, 3});
  set_attribute(g.node("Transpose", {"stored"}, "turned"), "perm", std::vector<int64_t>{1, 0});
  g.node("MatMul", {"x", "turned"}, "y", "product");
  const Reading reading = read_graph(g.parse());
  const Value& weight = reading.graph.value(reading.graph.node(1).inputs[1]);
  EXPECT_EQ(weight.name, "stored");
  EXPECT_EQ(weight.shape, (Shape{3, 4}));
  const Tensor loaded = weight.constant->load();
  EXPECT_FLOAT_EQ(loaded.as<float>()[1], 0.04f);
}

TEST(OnnxReader, ShowsSpelledOutOpsAsOne) {
  TestGraph g;
  g.input("x", {1, 4, 8, 8}).output("y", {1, 4, 8, 8});
  g.constant("three", {}, {3}).constant("zero", {}, {0}).constant("six", {}, {6});
  g.node("Relu", {"x"}, "r");
  g.node("Add", {"r", "three"}, "a");
  g.node("Clip", {"a", "zero", "six"}, "c");
  g.node("Mul", {"r", "c"}, "m");
  g.node("Div", {"m", "six"}, "y");
  const Reading reading = read_graph(g.parse());
  EXPECT_THAT(types(reading.graph), ElementsAre("parameter", "relu", "hswish", "result"));
  EXPECT_THAT(reading.inputs[2][0], ElementsAre(InputRef{1, 0}, InputRef{3, 0}));
}

TEST(OnnxReader, SeesSwishWithANumberInside) {
  TestGraph g;
  g.input("x", {4}).output("y", {4}).constant("beta", {1}, {1.5f});
  g.node("Mul", {"x", "beta"}, "b");
  g.node("Sigmoid", {"b"}, "s");
  g.node("Mul", {"x", "s"}, "y");
  const Reading reading = read_graph(g.parse());
  EXPECT_THAT(types(reading.graph), ElementsAre("parameter", "swish", "result"));
  EXPECT_THAT(reading.inputs[1][0], ElementsAre(InputRef{0, 0}, InputRef{2, 0}));
}

TEST(OnnxReader, KeepsApartWhatIsReadInBetween) {
  TestGraph g;
  g.input("x", {4}).output("y", {4}).output("s", {4});
  g.node("Sigmoid", {"x"}, "s");
  g.node("Mul", {"x", "s"}, "y");
  EXPECT_THAT(types(read_graph(g.parse()).graph),
              ElementsAre("parameter", "sigmoid", "multiply", "result", "result"));
}

TEST(OnnxReader, MakesNamesUniqueAndInventsMissingOnes) {
  TestGraph g;
  g.input("x", {4}).output("y", {4});
  g.node("Relu", {"x"}, "a", "same");
  g.node("Tanh", {"a"}, "b", "same");
  g.node("Relu", {"b"}, "y");
  const Reading reading = read_graph(g.parse());
  EXPECT_NE(reading.graph.find("same"), kNone);
  EXPECT_NE(reading.graph.find("same_2"), kNone);
  EXPECT_NE(reading.graph.find("y"), kNone);
}

TEST(OnnxReader, OrdersRecurrentInputsAsTheGraphDoes) {
  TestGraph g;
  g.input("x", {5, 1, 3})
      .output("y", {5, 1, 1, 2})
      .constant("w", {1, 8, 3})
      .constant("r", {1, 8, 2});
  set_attribute(g.node("LSTM", {"x", "w", "r"}, "y", "lstm"), "hidden_size", int64_t{2});
  const Reading reading = read_graph(g.parse());
  const Node& lstm = reading.graph.node(reading.graph.find("lstm"));
  EXPECT_EQ(reading.graph.value(lstm.inputs[4]).name, "w");
  EXPECT_EQ(reading.graph.value(lstm.inputs[5]).name, "r");
  EXPECT_THAT(reading.inputs[static_cast<size_t>(lstm.id)][5], ElementsAre(InputRef{0, 2}));
}

TEST(OnnxReader, BatchNormalizationBecomesPartOfTheConvolution) {
  TestGraph g;
  g.input("x", {1, 2, 4, 4}).output("y", {1, 2, 4, 4}).constant("w", {2, 2, 1, 1}, {1, 2, 3, 4});
  g.constant("s", {2}, {2, 1})
      .constant("o", {2}, {1, 0})
      .constant("m", {2}, {0, 1})
      .constant("v", {2}, {1, 1});
  g.node("Conv", {"x", "w"}, "c", "conv");
  g.node("BatchNormalization", {"c", "s", "o", "m", "v"}, "y");
  const Reading reading = read_graph(g.parse());
  EXPECT_THAT(types(reading.graph), ElementsAre("parameter", "convolution", "result"));
  const Node& conv = reading.graph.node(1);
  const Tensor weight = reading.graph.value(conv.inputs[1]).constant->load();
  const Tensor bias = reading.graph.value(conv.inputs[2]).constant->load();
  EXPECT_NEAR(weight.as<float>()[1], 4.0f, 1e-4f);
  EXPECT_NEAR(bias.as<float>()[0], 1.0f, 1e-4f);
  EXPECT_NEAR(bias.as<float>()[1], -1.0f, 1e-4f);
}

void set_floats(NodeProto& node, const std::vector<std::pair<std::string, float>>& attributes) {
  for (const auto& [name, value] : attributes) {
    AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(AttributeProto::FLOAT);
    attribute.set_f(value);
  }
}

TEST(OnnxReader, FactorsOfGemmAndWhatStandsBehindItBecomePartOfIt) {
  TestGraph g;
  g.input("x", {1, 2}).output("y", {1, 2}).constant("w", {2, 2}, {1, 2, 3, 4});
  g.constant("b", {2}, {1, 2}).constant("f", {1, 2}, {10, 20});
  set_floats(g.node("Gemm", {"x", "w", "b"}, "g", "gemm"), {{"alpha", 0.5f}, {"beta", 3.0f}});
  g.node("Mul", {"g", "f"}, "y");
  const Reading reading = read_graph(g.parse());
  EXPECT_THAT(types(reading.graph), ElementsAre("parameter", "mat_mul", "result"));
  const Node& product = reading.graph.node(1);
  const Tensor weight = reading.graph.value(product.inputs[1]).constant->load();
  const Tensor bias = reading.graph.value(product.inputs[2]).constant->load();
  EXPECT_THAT(to_floats(weight), ElementsAre(5, 20, 15, 40));
  EXPECT_THAT(to_floats(bias), ElementsAre(30, 120));
}

TEST(OnnxReader, AMatrixThatGemmAddsKeepsItsFactor) {
  TestGraph g;
  g.input("x", {2, 2}).output("y", {2, 2}).constant("w", {2, 2}, {1, 2, 3, 4});
  g.constant("b", {2, 1}, {1, 2}).constant("f", {1, 2}, {10, 20});
  NodeProto& gemm = g.node("Gemm", {"x", "w", "b"}, "g", "gemm");
  set_attribute(gemm, "transB", int64_t{1});
  set_floats(gemm, {{"alpha", 2.0f}, {"beta", 3.0f}});
  g.node("Mul", {"g", "f"}, "y");
  const auto content = g.parse();
  const Reading reading = read_graph(content);
  EXPECT_THAT(types(reading.graph), ElementsAre("parameter", "mat_mul", "multiply", "result"));
  const Node& product = reading.graph.node(1);
  EXPECT_THAT(to_floats(reading.graph.value(product.inputs[1]).constant->load()),
              ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(to_floats(reading.graph.value(product.inputs[2]).constant->load()),
              ElementsAre(1, 2));
  EXPECT_EQ(float_attribute(content->model.graph().node(0), "beta", 1), 3);
}

}  // namespace
}  // namespace eightbit::onnx
