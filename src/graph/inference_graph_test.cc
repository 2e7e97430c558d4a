#include "graph/inference_graph.h"

#include <gtest/gtest.h>

#include "graph/text.h"

namespace eightbit {
namespace {

std::vector<std::string> dead(const Graph& graph) {
  const InferenceGraph flow = build_inference_graph(graph);
  std::vector<std::string> names;
  for (const Node& node : graph.nodes)
    if (!flow.is_alive(node.id)) names.push_back(node.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(InferenceGraph, ShapeComputationsAreDead) {
  const Graph graph = parse_graph(
      "p = Parameter() : f32[1,4]\n"
      "s = ShapeOf(p) : i64[2]\n"
      "g = Gather(s, const i64[1], const i64[]) : i64[1]\n"
      "r = Reshape(p, g) : f32[4]\n"
      "out = Result(r)\n");
  EXPECT_EQ(dead(graph), (Names{"s", "g"}));
  const InferenceGraph flow = build_inference_graph(graph);
  EXPECT_EQ(flow.producers_of(graph.find("r")), (std::vector<NodeId>{graph.find("p")}));
  EXPECT_EQ(flow.consumers_of(graph.find("p")), (std::vector<NodeId>{graph.find("r")}));
}

TEST(InferenceGraph, StatesAndLookUpsStartTheFlow) {
  EXPECT_EQ(dead(parse_graph("v = ReadValue() : f32[1]\n"
                             "r = Relu(v) : f32[1]\n"
                             "x = RandomUniform() : f32[1]\n"
                             "y = Relu(x) : f32[1]\n")),
            (Names{"x", "y"}));
}

TEST(InferenceGraph, FloatProducersOfALayerSurvive) {
  const char* text =
      "p = Parameter() : f32[1,5,8]\n"
      "s = ShapeOf(p) : i64[3]\n"
      "b = Broadcast(const f32[], s) : f32[1,1,4]\n"
      "t = Tanh(b) : f32[1,1,4]\n"
      "l = {}(p, t) : f32[1]\n";
  const auto with = [&](const char* type) {
    return std::string(text).replace(std::string(text).find("{}"), 2, type);
  };
  EXPECT_EQ(dead(parse_graph(with("LSTMSequence"))), (Names{"s"}));
  EXPECT_EQ(dead(parse_graph(with("GRUSequence"))), (Names{"s", "b", "t"}));
}

TEST(InferenceGraph, EdgesKeepTheirNumber) {
  const Graph graph = parse_graph("p = Parameter() : f32[1]\na = Add(p, p) : f32[1]\n");
  const InferenceGraph flow = build_inference_graph(graph);
  EXPECT_EQ(flow.producers_of(1).size(), 2u);
  EXPECT_EQ(flow.consumers_of(0).size(), 2u);
}

}  // namespace
}  // namespace eightbit
