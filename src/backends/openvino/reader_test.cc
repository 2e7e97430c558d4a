#include "backends/openvino/reader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <openvino/opsets/opset3.hpp>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

const Value& input_of(const Graph& graph, const std::string& node, size_t port) {
  return graph.value(graph.node(graph.find(node)).inputs[port]);
}

std::vector<std::string> names(const Graph& graph) {
  std::vector<std::string> out;
  for (const Node& node : graph.nodes) out.push_back(node.name);
  return out;
}

TEST(Reader, FoldsConstantsAndKeepsTheOrder) {
  const auto model = conv_model();
  const Reading reading = read_graph(*model);
  const Graph& graph = reading.graph;
  EXPECT_EQ(names(graph),
            (std::vector<std::string>{"input", "conv", "bias", "relu", "relu/result"}));
  const Node& conv = graph.node(graph.find("conv"));
  EXPECT_EQ(conv.op, Op::convolution);
  EXPECT_EQ(conv.attributes.strides, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(conv.attributes.pads_begin, (std::vector<int64_t>{1, 1}));
  EXPECT_FALSE(conv.attributes.auto_pad);
  const Value& weight = input_of(graph, "conv", 1);
  EXPECT_EQ(weight.name, "w");
  EXPECT_EQ(weight.shape, (Shape{4, 3, 3, 3}));
  EXPECT_FALSE(weight.constant->quantized || weight.constant->compressed);
}

TEST(Reader, SharesTheBytesOfPlainConstants) {
  const auto model = conv_model();
  const Reading reading = read_graph(*model);
  const auto stored = ov::as_type_ptr<op::Constant>(find(*model, "w"));
  EXPECT_EQ(static_cast<const void*>(input_of(reading.graph, "conv", 1).constant->load().data),
            stored->get_data_ptr());
}

TEST(Reader, MapsIdsBothWays) {
  const auto model = conv_model();
  const Reading reading = read_graph(*model);
  for (const Node& node : reading.graph.nodes) {
    const auto& native = reading.nodes[static_cast<size_t>(node.id)];
    EXPECT_EQ(native->get_friendly_name(), node.name);
    EXPECT_EQ(reading.ids.at(native.get()), node.id);
  }
  for (const Value& value : reading.graph.values)
    EXPECT_EQ(reading.value_of(reading.values[static_cast<size_t>(value.id)]), value.id);
  EXPECT_EQ(reading.value_of(std::make_shared<op::Relu>(reading.values[0])->output(0)), kNone);
}

TEST(Reader, ReadsDynamicShapesAndSeveralPorts) {
  const auto a = parameter("a", {-1, 4, -1}), b = parameter("b", ov::PartialShape::dynamic());
  const auto split = named(
      std::make_shared<op::Split>(a, op::Constant::create(ov::element::i64, {}, {-2}), 2), "split");
  const auto relu = named(std::make_shared<op::Relu>(b), "relu");
  const Graph graph =
      read_graph(*model_of({split->output(0), split->output(1), relu}, {a, b})).graph;
  EXPECT_EQ(graph.value(graph.node(graph.find("a")).outputs[0]).shape, (Shape{-1, 4, -1}));
  const Value& unknown = graph.value(graph.node(graph.find("b")).outputs[0]);
  EXPECT_FALSE(unknown.rank_known);
  EXPECT_TRUE(unknown.shape.empty());
  const Node& node = graph.node(graph.find("split"));
  ASSERT_EQ(node.outputs.size(), 2u);
  EXPECT_EQ(graph.value(node.outputs[1]).name, "split:1");
  EXPECT_EQ(graph.value(node.outputs[1]).shape, (Shape{-1, 2, -1}));
  EXPECT_EQ(node.attributes.axis, 1);
}

TEST(Reader, DecompressesHalfWeightsWhenAsked) {
  const Graph graph = read_graph(*conv_model(ov::element::f16)).graph;
  const Value& weight = input_of(graph, "conv", 1);
  EXPECT_EQ(weight.name, "w");
  EXPECT_EQ(weight.dtype, DType::f32);
  EXPECT_TRUE(weight.constant->compressed);
  EXPECT_FALSE(weight.constant->quantized);
  const auto values = to_floats(weight.constant->load()), exact = noise(108, 7);
  EXPECT_LT(largest_difference(values, exact), 5e-4f);
  EXPECT_GT(largest_difference(values, exact), 0.0f);
}

TEST(Reader, BiasBehindReshapeLooksLikeAPlainOne) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto conv = convolution("conv", input, weights("w", {4, 3, 3, 3}));
  const auto bias = std::make_shared<op::Reshape>(constant("b", {4}, {1, 2, 3, 4}),
                                                  integers({1, 4, 1, 1}), false);
  const auto add = named(std::make_shared<op::Add>(conv, bias), "add");
  const Graph graph = read_graph(*model_of({add}, {input})).graph;
  const Value& value = input_of(graph, "add", 1);
  EXPECT_EQ(value.name, "b");
  EXPECT_EQ(value.shape, (Shape{1, 4, 1, 1}));
  EXPECT_EQ(to_floats(value.constant->load()), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(graph.find("b"), kNone);
}

TEST(Reader, SharedWeightsAreOneValue) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto w = weights("w", {3, 3, 3, 3});
  const auto second = convolution("conv2", convolution("conv1", input, w), w);
  const Graph graph = read_graph(*model_of({second}, {input})).graph;
  EXPECT_EQ(input_of(graph, "conv1", 1).id, input_of(graph, "conv2", 1).id);
  EXPECT_EQ(input_of(graph, "conv1", 1).uses.size(), 2u);
}

TEST(Reader, TellsDepthwiseFromGroupsAndEmbeddingFromGather) {
  const auto input = parameter("input", {1, 4, 8, 8});
  const auto ids = parameter("ids", {1, 5}, ov::element::i64);
  const ov::Strides one{1, 1};
  const ov::CoordinateDiff pad{1, 1};
  const auto group = [&](const std::string& name, const ov::Shape& shape) {
    return named(std::make_shared<op::GroupConvolution>(input, weights(name + ".w", shape), one,
                                                        pad, pad, one),
                 name);
  };
  const auto zero = op::Constant::create(ov::element::i64, {}, {0});
  const auto table =
      named(std::make_shared<op::Gather>(weights("table", {10, 6}), ids, zero), "embedding");
  const auto index =
      named(std::make_shared<op::Gather>(integers({5, 6, 7, 8, 9}), ids, zero), "indices");
  const auto rows = named(std::make_shared<op::Gather>(input, ids, zero), "rows");
  const Graph graph = read_graph(*model_of({group("depthwise", {4, 1, 1, 3, 3}),
                                            group("grouped", {2, 2, 2, 3, 3}), table, index, rows},
                                           {input, ids}))
                          .graph;
  EXPECT_EQ(graph.node(graph.find("depthwise")).op, Op::depthwise_convolution);
  EXPECT_EQ(graph.node(graph.find("grouped")).op, Op::group_convolution);
  EXPECT_EQ(graph.node(graph.find("embedding")).op, Op::embedding);
  EXPECT_EQ(graph.node(graph.find("embedding")).attributes.axis, 0);
  EXPECT_EQ(graph.node(graph.find("indices")).op, Op::gather);
  EXPECT_EQ(graph.node(graph.find("rows")).op, Op::gather);
}

TEST(Reader, MarksConstantsThatAreQuantizedAlready) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto low = constant("low", {}, {-1}), high = constant("high", {}, {1});
  const auto fq =
      std::make_shared<op::FakeQuantize>(weights("w1", {3, 3, 3, 3}), low, high, low, high, 255);
  const auto stored =
      named(op::Constant::create(ov::element::i8, {3, 3, 3, 3}, std::vector<int8_t>(81, 3)), "w2");
  const auto shifted = std::make_shared<op::Subtract>(
      std::make_shared<op::Convert>(stored, ov::element::f32), constant("zp", {}, {1}));
  const auto chain =
      std::make_shared<op::Multiply>(shifted, constant("scale", {3, 1, 1, 1}, {1, 2, 3}));
  const Graph graph =
      read_graph(*model_of({convolution("conv2", convolution("conv1", input, fq), chain)}, {input}))
          .graph;
  EXPECT_TRUE(input_of(graph, "conv1", 1).constant->quantized);
  EXPECT_EQ(input_of(graph, "conv1", 1).name, "w1");
  const Value& second = input_of(graph, "conv2", 1);
  EXPECT_TRUE(second.constant->quantized);
  EXPECT_EQ(second.name, "w2");
  const auto values = to_floats(second.constant->load());
  EXPECT_EQ(values.front(), 2.0f);
  EXPECT_EQ(values.back(), 6.0f);
  EXPECT_EQ(to_floats(input_of(graph, "conv1", 1).constant->load()).size(), 81u);
}

// What OpenVINO's ONNX reader makes of a bias: its shape comes from the rank of the convolution's
// output.
TEST(Reader, BiasReshapedByTheRankOfTheOutputIsAConstant) {
  const auto input = parameter("input", {-1, 3, -1, -1});
  const auto conv = convolution("conv", input, weights("w", {4, 3, 3, 3}));
  const auto rank = std::make_shared<op::ShapeOf>(std::make_shared<op::ShapeOf>(conv));
  const auto ones = std::make_shared<op::Broadcast>(
      integers({1}), std::make_shared<op::Subtract>(rank, integers({2})));
  const auto shape =
      std::make_shared<op::Concat>(ov::OutputVector{integers({1}), integers({4}), ones}, 0);
  const auto bias = std::make_shared<op::Reshape>(constant("b", {4}, {1, 2, 3, 4}), shape, false);
  const auto add = named(std::make_shared<op::Add>(conv, bias), "add");
  const Graph graph = read_graph(*model_of({add}, {input})).graph;
  EXPECT_EQ(input_of(graph, "add", 1).name, "b");
  EXPECT_EQ(input_of(graph, "add", 1).constant->load().shape, (Shape{1, 4, 1, 1}));
  EXPECT_EQ(names(graph), (std::vector<std::string>{"input", "conv", "add", "add/result"}));
  EXPECT_EQ(graph.value(graph.node(graph.find("conv")).outputs[0]).uses.size(), 1u);
}

TEST(Reader, FoldsShapeOfAConstantButNotRandomNumbers) {
  const auto input = parameter("input", {2, 3});
  const auto shape = std::make_shared<op::ShapeOf>(constant("c", {3, 2}, {0, 0, 0, 0, 0, 0}));
  const auto reshape = named(std::make_shared<op::Reshape>(input, shape, false), "reshape");
  const auto random =
      named(std::make_shared<op::RandomUniform>(integers({3, 2}), constant("lo", {}, {0}),
                                                constant("hi", {}, {1}), ov::element::f32),
            "random");
  const Graph graph =
      read_graph(*model_of({std::make_shared<op::Add>(reshape, random)}, {input})).graph;
  EXPECT_TRUE(input_of(graph, "reshape", 1).is_constant());
  EXPECT_NE(graph.find("random"), kNone);
}

TEST(Reader, ReadsStates) {
  const auto input = parameter("input", {1, 4});
  const auto variable = std::make_shared<ov::op::util::Variable>(
      ov::op::util::VariableInfo{ov::PartialShape{1, 4}, ov::element::f32, "state"});
  const auto read_value = named(
      std::make_shared<op::ReadValue>(constant("init", {1, 4}, {0, 0, 0, 0}), variable), "read");
  const auto add = named(std::make_shared<op::Add>(input, read_value), "add");
  const auto assign = named(std::make_shared<op::Assign>(add, variable), "assign");
  const auto result = std::make_shared<op::Result>(add);
  const auto model = std::make_shared<ov::Model>(ov::ResultVector{result}, ov::SinkVector{assign},
                                                 ov::ParameterVector{input});
  const Graph graph = read_graph(*model).graph;
  EXPECT_EQ(graph.node(graph.find("read")).op, Op::read_value);
  EXPECT_EQ(graph.node(graph.find("assign")).op, Op::assign);
  EXPECT_TRUE(input_of(graph, "read", 0).is_constant());
  EXPECT_FALSE(input_of(graph, "add", 1).is_constant());
}

TEST(Reader, ReadsBranchesOfIfIntoTheGraph) {
  const auto condition = parameter("condition", {}, ov::element::boolean);
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto body = [](const std::string& name, bool convolve) {
    const auto inner = parameter(name + ".in", {1, 3, 8, 8});
    const NodePtr node = convolve ? convolution(name, inner, weights(name + ".w", {3, 3, 3, 3}))
                                  : named(std::make_shared<op::Relu>(inner), name);
    return model_of({node}, {inner});
  };
  const auto then_body = body("then", true), else_body = body("else", false);
  const auto node = named(std::make_shared<op::If>(condition), "if");
  node->set_then_body(then_body);
  node->set_else_body(else_body);
  node->set_input(input, then_body->get_parameters()[0], else_body->get_parameters()[0]);
  const auto output = node->set_output(then_body->get_results()[0], else_body->get_results()[0]);
  const Reading reading = read_graph(*model_of({output}, {condition, input}));
  const Node& outer = reading.graph.node(reading.graph.find("if"));
  EXPECT_EQ(outer.op, Op::if_);
  EXPECT_TRUE(outer.bodies.empty());
  for (const auto& [name, branch] : {std::pair{"then", 0}, {"else", 1}}) {
    const NodeId id = reading.graph.find(name);
    ASSERT_NE(id, kNone);
    EXPECT_EQ(reading.graph.node(id).owner, outer.id);
    EXPECT_EQ(reading.bodies[static_cast<size_t>(id)], branch);
  }
  EXPECT_EQ(outer.owner, kNone);
}

TEST(Reader, ReadsLstmAndUnknownOps) {
  const auto x = parameter("x", {1, 5, 8});
  const auto h = constant("h", {1, 1, 4}, {0, 0, 0, 0}), c = constant("c", {1, 1, 4}, {0, 0, 0, 0});
  const auto lstm =
      named(std::make_shared<op::LSTMSequence>(
                x, h, c, op::Constant::create(ov::element::i32, {1}, {5}), weights("W", {1, 16, 8}),
                weights("R", {1, 16, 4}), weights("B", {1, 16}), 4,
                ov::op::RecurrentSequenceDirection::FORWARD),
            "lstm");
  const auto odd = named(std::make_shared<op::Acos>(lstm->output(0)), "odd");
  const Graph graph = read_graph(*model_of({odd}, {x})).graph;
  EXPECT_EQ(graph.node(graph.find("lstm")).op, Op::lstm_sequence);
  EXPECT_EQ(graph.node(graph.find("lstm")).outputs.size(), 3u);
  EXPECT_TRUE(input_of(graph, "lstm", 4).is_constant());
  EXPECT_EQ(graph.node(graph.find("odd")).op, Op::unknown);
  EXPECT_EQ(graph.node(graph.find("odd")).type, "Acos");
}

TEST(Reader, MakesEqualNamesUnique) {
  const auto input = parameter("x", {1, 4});
  NodePtr node = input;
  for (const std::string name : {"x", "x_2", "x", "x"})
    node = named(std::make_shared<op::Relu>(node), name);
  const auto model = model_of({node}, {input});
  const Graph graph = read_graph(*model).graph;
  EXPECT_EQ(names(graph), (std::vector<std::string>{"x", "x_3", "x_2", "x_4", "x_5", "x/result"}));
  EXPECT_EQ(node->get_friendly_name(), "x");
}

TEST(Reader, ReadsTenThousandNodesQuickly) {
  const auto input = parameter("input", {1, 4});
  NodePtr node = input;
  for (int i = 0; i < 10000; ++i) node = std::make_shared<op::Add>(node, constant("c", {}, {1}));
  NodePtr folded = constant("start", {}, {0});
  for (int i = 0; i < 10000; ++i)
    folded = std::make_shared<op::Add>(folded, constant("d", {}, {1}));
  const auto model =
      model_of({named(std::make_shared<op::Multiply>(node, folded), "end")}, {input});
  const auto start = std::chrono::steady_clock::now();
  const Reading reading = read_graph(*model);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_LT(seconds, 2.0);
  EXPECT_EQ(reading.graph.nodes.size(), 10003u);
  EXPECT_EQ(to_floats(input_of(reading.graph, "end", 1).constant->load())[0], 10000.0f);
}

TEST(Reader, RefusesBodiesNestedWithoutEnd) {
  auto inner = [] {
    const auto x = parameter("x", {1});
    return model_of({std::make_shared<op::Relu>(x)}, {x});
  }();
  for (int depth = 0; depth < 40; ++depth) {
    const auto x = parameter("x", {1}), other = parameter("other", {1});
    const auto else_body = model_of({std::make_shared<op::Relu>(other)}, {other});
    const auto condition = op::Constant::create(ov::element::boolean, {}, {true});
    const auto node = std::make_shared<op::If>(condition);
    node->set_then_body(inner);
    node->set_else_body(else_body);
    node->set_input(x, inner->get_parameters()[0], other);
    inner = model_of({node->set_output(inner->get_results()[0], else_body->get_results()[0])}, {x});
  }
  EXPECT_THROW(read_graph(*inner), ModelError);
}

}  // namespace
}  // namespace eightbit::openvino
