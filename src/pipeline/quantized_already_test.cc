#include "pipeline/quantized_already.h"

#include <gmock/gmock.h>

#include "graph/text.h"

namespace eightbit {
namespace {

using testing::HasSubstr;

TEST(QuantizedAlready, CountsByType) {
  const Graph graph = parse_graph(
      "in = Parameter() : f32[1,4]\n"
      "q = FakeQuantize(in, const f32[], const f32[], const f32[], const f32[]) : f32[1,4]\n"
      "m = MatMulInteger(q, const i8[4,4]) : i32[1,4]\n"
      "n = MatMulInteger(m, const i8[4,4]) : i32[1,4]\n"
      "out = Result(n)\n");
  EXPECT_THAT(quantized_already(graph), HasSubstr("it holds 1 FakeQuantize, 2 MatMulInteger."));
}

TEST(QuantizedAlready, SaysNothingOfAFloatModel) {
  EXPECT_EQ(quantized_already(parse_graph(
                "in = Parameter() : f32[1,4]\nr = Relu(in) : f32[1,4]\nout = Result(r)\n")),
            "");
}

}  // namespace
}  // namespace eightbit
