#include "graph/text.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eightbit {
namespace {

using testing::HasSubstr;

constexpr const char* kAllForms =
    "in = Parameter() : f32[1,?,224]\n"
    "\"a b:0\" = PRelu(in, const slope f16[3] compressed) : f32[...]\n"
    "conv = GroupConvolution/depthwise_convolution(\"a b:0\", const f32[4,1,1,3,3] quantized) : "
    "f32[1,4,8,8] "
    "{strides=2,2 pads_begin=-1,0 auto_pad}\n"
    "s = VariadicSplit/split(conv, _, slope) : f32[1,2,8,8], i64[] {axis=-1}\n"
    "loop = Loop(s:1, \"a b:0\") : f32[1]\n"
    "  body:\n"
    "    x = Parameter() : f32[1]\n"
    "    in = Result(x)\n"
    "  body:\n"
    "    y = Parameter() : bool[1]\n"
    "out = Result(s)\n";

TEST(GraphText, RoundTrip) { EXPECT_EQ(to_text(parse_graph(kAllForms)), kAllForms); }

TEST(GraphText, ReadsWhatItSays) {
  const Graph graph = parse_graph(kAllForms);
  graph.check();
  const Node& conv = graph.node(graph.find("conv"));
  EXPECT_EQ(conv.op, Op::depthwise_convolution);
  EXPECT_EQ(conv.attributes.strides, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(conv.attributes.pads_begin, (std::vector<int64_t>{-1, 0}));
  EXPECT_TRUE(conv.attributes.auto_pad);
  const Value& weight = graph.value(conv.inputs[1]);
  EXPECT_EQ(weight.name, "conv.1");
  EXPECT_TRUE(weight.constant->quantized);
  const Node& split = graph.node(graph.find("s"));
  EXPECT_EQ(split.inputs[1], kNone);
  EXPECT_EQ(graph.value(split.inputs[2]).uses.size(), 2u);
  EXPECT_EQ(split.attributes.axis, -1);
  EXPECT_EQ(graph.value(split.outputs[1]).name, "s:1");
  EXPECT_EQ(graph.value(graph.node(1).outputs[0]).rank_known, false);
  EXPECT_EQ(graph.node(graph.find("loop")).bodies.size(), 2u);
}

TEST(GraphText, TypesMeetOpsWithoutCaseAndUnderscores) {
  const Graph graph = parse_graph(
      "p = Parameter() : f32[1]\nl = LSTMSequence(p) : f32[1]\nm = MyOwn(p) : f32[1]\n");
  EXPECT_EQ(graph.node(1).op, Op::lstm_sequence);
  EXPECT_EQ(graph.node(2).op, Op::unknown);
}

TEST(GraphText, EmptyAndCommentsOnly) {
  EXPECT_TRUE(parse_graph("").nodes.empty());
  EXPECT_TRUE(parse_graph("# nothing\n\n   \n").nodes.empty());
}

std::string error_of(const char* text) {
  try {
    parse_graph(text);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no InvalidArgument";
}

TEST(GraphText, ErrorsNameTheLine) {
  EXPECT_THAT(error_of("a = Relu(b) : f32[1]"), HasSubstr("line 1: 'b' is not declared above"));
  EXPECT_THAT(error_of("a = Parameter() : f32[1]\n\na = Relu(a) : f32[1]"),
              HasSubstr("line 3: 'a' is declared twice"));
  EXPECT_THAT(error_of("a = Parameter() : f33[1]"), HasSubstr("'f33' is not a dtype"));
  EXPECT_THAT(error_of("a = Parameter() : f32[1"), HasSubstr("expected ']'"));
  EXPECT_THAT(error_of("a = Parameter( : f32[1]"), HasSubstr("expected a name"));
  EXPECT_THAT(error_of("a = Parameter() : f32[1] {strided=1}"),
              HasSubstr("no attribute 'strided'"));
  EXPECT_THAT(error_of("a = Parameter() : f32[1] b"), HasSubstr("more than one statement"));
  EXPECT_THAT(error_of("a = X/nonsense()"), HasSubstr("no op 'nonsense'"));
  EXPECT_THAT(error_of("a = Parameter() : f32[1]\nb = Relu(a:1) : f32[1]"),
              HasSubstr("'a' has no output 1"));
  EXPECT_THAT(error_of("\"a = Parameter()"), HasSubstr("does not end"));
  EXPECT_THAT(error_of("a = If()\n  b = Relu()"), HasSubstr("expected 'body:'"));
  EXPECT_THAT(error_of("a = X(const w f32[1], const w f32[1])"),
              HasSubstr("constant 'w' is declared twice"));
}

}  // namespace
}  // namespace eightbit
