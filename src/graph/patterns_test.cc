#include "graph/patterns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "graph/text.h"

namespace eightbit {
namespace {

// "c b r; x y": the matches, by node names.
std::string matches(const Graph& graph, std::string_view row,
                    Strictness strictness = Strictness::closed) {
  const InferenceGraph flow = build_inference_graph(graph);
  const std::vector<Pattern> patterns = parse_pattern(row);
  std::vector<std::string> texts;
  for (const Match& match : find_matches(flow, patterns, strictness)) {
    std::vector<std::string> names;
    for (NodeId node : match.nodes) names.push_back(graph.node(node).name);
    texts.push_back(fmt::format("{}", fmt::join(names, " ")));
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

const char* kLayer =
    "p = Parameter() : f32[1]\n"
    "c = Convolution(p, const f32[1]) : f32[1]\n"
    "b = Add(c, const f32[1]) : f32[1]\n"
    "r = Relu(b) : f32[1]\n"
    "out = Result(r)\n";

TEST(Patterns, EveryRowIsWellFormed) {
  for (const FusedRow& row : fused_patterns())
    for (const Pattern& p : parse_pattern(row.text)) EXPECT_GE(p.size(), 2u) << p.text;
  for (const IgnoredRow& row : ignored_patterns())
    for (const Pattern& p : parse_pattern(row.text)) EXPECT_GE(p.size(), 2u) << p.text;
}

TEST(Patterns, OptionalElementsGiveVariants) {
  std::vector<std::string> texts;
  for (const Pattern& p : parse_pattern("relu [add] [ACT] result")) texts.push_back(p.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"relu result", "relu add result", "relu ACT result",
                                             "relu add ACT result"}));
}

TEST(Patterns, LongerOnesComeFirst) {
  EXPECT_EQ(matches(parse_graph(kLayer), "LINEAR [add] [ACT]"), "c b r");
  EXPECT_EQ(matches(parse_graph(kLayer), "LINEAR add"), "c b");
}

TEST(Patterns, ClosedChainsHaveNoOtherReaders) {
  const Graph graph = parse_graph(std::string(kLayer) + "out2 = Result(c)\n");
  EXPECT_EQ(matches(graph, "LINEAR add"), "");
  EXPECT_EQ(matches(graph, "LINEAR add", Strictness::open), "c b");
  EXPECT_EQ(matches(graph, "add ACT"), "b r");
}

TEST(Patterns, ClosedChainsHaveNoOtherInputs) {
  const Graph graph = parse_graph(
      "p = Parameter() : f32[1]\n"
      "q = Parameter() : f32[1]\n"
      "c = Convolution(p, const f32[1]) : f32[1]\n"
      "b = Add(c, q) : f32[1]\n"
      "r = Relu(b) : f32[1]\n"
      "out = Result(r)\n");
  EXPECT_EQ(matches(graph, "LINEAR add"), "");
  EXPECT_EQ(matches(graph, "add ACT"), "b r");  // but the first may
}

TEST(Patterns, SkipEdgesAndParallelEdgesCount) {
  const char* text =
      "p = Parameter() : f32[1]\n"
      "c = Convolution(p, const f32[1]) : f32[1]\n"
      "m = Multiply(c, {}) : f32[1]\n"
      "out = Result(m)\n";
  const auto with = [&](const char* input) {
    return parse_graph(std::string(text).replace(std::string(text).find("{}"), 2, input));
  };
  EXPECT_EQ(matches(with("c"), "LINEAR ARITH"), "");
  EXPECT_EQ(matches(with("c"), "LINEAR ARITH<1,1>"), "c m");
  EXPECT_EQ(matches(with("const f32[1]"), "LINEAR ARITH<1,1>"), "");
}

TEST(Patterns, ForksJoinAgain) {
  const Graph graph = parse_graph(
      "p = Parameter() : f32[1]\n"
      "e = Exp(p) : f32[1]\n"
      "s = ReduceSum(e, const i64[1]) : f32[1]\n"
      "d = Divide(e, s) : f32[1]\n"
      "out = Result(d)\n");
  EXPECT_EQ(matches(graph, "exp reduce_sum divide<1,2>"), "e s d");
  EXPECT_EQ(matches(graph, "exp reduce_sum divide"), "");
}

TEST(Patterns, ProducersAndOutsiders) {
  const Graph graph = parse_graph(
      "p = Parameter() : f32[1]\n"
      "t = Transpose(p, const i64[1]) : f32[1]\n"
      "s = Softmax(p) : f32[1]\n"
      "m = MatMul(s, t) : f32[1]\n"
      "u = MatMul(t, s) : f32[1]\n"
      "out = Result(m)\n"
      "out2 = Result(u)\n");
  EXPECT_EQ(matches(graph, "softmax mat_mul ^transpose", Strictness::open), "s m t");
  EXPECT_EQ(matches(graph, "softmax* mat_mul", Strictness::open), "m; u");
}

TEST(Patterns, SqueezeAndExcitationOfManyBlocks) {
  std::string text = "x = Parameter() : f32[1]\n";
  for (int i = 0; i < 3; ++i)
    text += fmt::format(
        "m{0} = ReduceMean(x, const i64[2]) : f32[1]\n"
        "c{0} = Convolution(m{0}, const f32[1]) : f32[1]\n"
        "b{0} = Add(c{0}, const f32[1]) : f32[1]\n"
        "r{0} = Relu(b{0}) : f32[1]\n"
        "d{0} = Convolution(r{0}, const f32[1]) : f32[1]\n"
        "e{0} = Add(d{0}, const f32[1]) : f32[1]\n"
        "s{0} = Sigmoid(e{0}) : f32[1]\n"
        "y{0} = Multiply(x, s{0}) : f32[1]\n"
        "o{0} = Result(y{0})\n",
        i);
  EXPECT_EQ(matches(parse_graph(text), ignored_patterns()[0].text, Strictness::open),
            "c0 b0 r0 d0 e0 s0; c1 b1 r1 d1 e1 s1; c2 b2 r2 d2 e2 s2");
}

}  // namespace
}  // namespace eightbit
