#include "graph/transformer.h"

#include <gtest/gtest.h>

#include <string>

#include "graph/text.h"

namespace eightbit {
namespace {

// One attention block behind `front`.
Graph attention(const std::string& front, const std::string& scores) {
  return parse_graph("in = Parameter() : f32[1,4,8]\n" + front +
                     "q = MatMul(x, const wq f32[8,8]) : f32[1,4,8]\n"
                     "k = MatMul(x, const wk f32[8,8]) : f32[1,4,8]\n"
                     "kt = Transpose(k) : f32[1,8,4]\n"
                     "qk = MatMul(q, kt) : f32[1,4,4]\n"
                     "s = " +
                     scores +
                     "(qk) : f32[1,4,4]\n"
                     "r = Reshape(s) : f32[1,4,4]\n"
                     "y = MatMul(r, x) : f32[1,4,8]\n"
                     "out = Result(y)\n");
}

constexpr const char* kOneConvolution = "x = Convolution(in, const w f32[4,4,1]) : f32[1,4,8]\n";
constexpr const char* kThreeConvolutions =
    "a = Convolution(in, const w1 f32[4,4,1]) : f32[1,4,8]\n"
    "b = Convolution(a, const w2 f32[4,4,1]) : f32[1,4,8]\n"
    "x = Convolution(b, const w3 f32[4,4,1]) : f32[1,4,8]\n";

TEST(Transformer, AttentionAmongProductsMakesOne) {
  EXPECT_TRUE(is_transformer(attention(kOneConvolution, "Softmax")));
  EXPECT_FALSE(is_transformer(attention(kOneConvolution, "Relu")))
      << "without softmax there is no attention";
  EXPECT_FALSE(is_transformer(attention(kThreeConvolutions, "Softmax")))
      << "the convolutions decide";
}

TEST(Transformer, ProductsMayBeSpelledAsSums) {
  const auto layers = [](const std::string& scores) {
    return parse_graph(
        "x = Parameter() : f32[1,4,8]\n"
        "q = Einsum(x, const wq f32[8,2,4]) : f32[1,4,2,4]\n"
        "k = Einsum(x, const wk f32[8,2,4]) : f32[1,4,2,4]\n"
        "qk = Einsum(q, k) : f32[1,2,4,4]\n"
        "s = " +
        scores +
        "(qk) : f32[1,2,4,4]\n"
        "y = Einsum(s, k) : f32[1,4,2,4]\n"
        "out = Result(y)\n");
  };
  EXPECT_TRUE(is_transformer(layers("Softmax")));
  EXPECT_FALSE(is_transformer(layers("Relu")));
}

TEST(Transformer, SoftmaxAtTheEndIsNoAttention) {
  EXPECT_FALSE(
      is_transformer(parse_graph("in = Parameter() : f32[1,8]\n"
                                 "x = MatMul(in, const w f32[8,8]) : f32[1,8]\n"
                                 "s = Softmax(x) : f32[1,8]\n"
                                 "y = MatMul(s, const w2 f32[8,8]) : f32[1,8]\n"
                                 "out = Result(y)\n")));
}

}  // namespace
}  // namespace eightbit
