#include "graph/roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace eightbit {
namespace {

using testing::ElementsAre;
using Axes = std::vector<int64_t>;

Constant zeros(DType dtype, const Shape& shape) {
  Constant constant;
  constant.load = [dtype, shape] { return Tensor::allocate(dtype, shape); };
  return constant;
}

class Roles : public testing::Test {
 protected:
  ValueId input(const Shape& shape) {
    const std::string name = "input" + std::to_string(graph_.nodes.size());
    const NodeId node = graph_.add_node(name, "Parameter", Op::parameter, {});
    return graph_.add_output(node, DType::f32, shape);
  }
  ValueId constant(const Shape& shape, DType dtype = DType::f32) {
    const std::string name = "constant" + std::to_string(graph_.values.size());
    return graph_.add_constant(name, dtype, shape, zeros(dtype, shape));
  }
  NodeId node(Op op, const std::vector<ValueId>& inputs, const Shape& shape = {1, 4, 8, 8},
              const Attributes& attributes = {}) {
    const std::string name = "node" + std::to_string(graph_.nodes.size());
    const NodeId id = graph_.add_node(name, std::string(row(op).name), op, inputs, attributes);
    graph_.add_output(id, DType::f32, shape);
    return id;
  }
  ValueId output(NodeId id) const { return graph_.node(id).outputs[0]; }

  Graph graph_;
};

TEST_F(Roles, OpsAreOfOneKind) {
  for (const OpRow& r : op_table()) {
    EXPECT_LE(is_convolution(r.op) + is_transposed(r.op) + is_product(r.op), 1) << r.name;
    EXPECT_LE(passes_on(r.op) + can_be_quantized(r.op), 1) << r.name;
    EXPECT_TRUE(!is_layer(r.op) || takes_weight(r.op)) << r.name;
    EXPECT_TRUE(!moves(r.op) || passes_on(r.op)) << r.name;
    EXPECT_TRUE(!is_quantizer(r.op) || !can_be_quantized(r.op)) << r.name;
  }
  EXPECT_TRUE(passes_on(Op::concat));
  EXPECT_FALSE(moves(Op::concat));
  EXPECT_TRUE(moves(Op::reduce_max));
  EXPECT_TRUE(can_be_quantized(Op::embedding));
  EXPECT_FALSE(is_layer(Op::convolution_backprop));
}

TEST_F(Roles, AGroupedProductIsNoConvolution) {
  EXPECT_TRUE(has_groups(Op::grouped_mat_mul));
  EXPECT_FALSE(is_convolution(Op::grouped_mat_mul));
  EXPECT_FALSE(is_product(Op::grouped_mat_mul));
}

TEST_F(Roles, AQuantizerOpensAndCloses) {
  std::set<std::string_view> opens, closes;
  for (const OpRow& r : op_table()) {
    if (opens_quantizer(r.op)) opens.insert(r.name);
    if (closes_quantizer(r.op)) closes.insert(r.name);
  }
  EXPECT_THAT(opens, ElementsAre("fake_convert", "fake_quantize", "quantize_linear"));
  EXPECT_THAT(closes, ElementsAre("dequantize_linear", "fake_convert", "fake_quantize"));
}

TEST_F(Roles, WeightsAreFloatConstantsOnPortsThatCanHoldOne) {
  const ValueId x = input({1, 4});
  const NodeId product = node(Op::mat_mul, {x, constant({4, 2})}, {1, 2});
  const NodeId integers = node(Op::mat_mul, {x, constant({4, 2}, DType::i32)}, {1, 2});
  const NodeId sum = node(Op::add, {x, constant({4})}, {1, 4});
  const NodeId both = node(Op::mat_mul, {x, output(product)}, {1, 2});
  EXPECT_EQ(weight_port(graph_, product), 1);
  EXPECT_EQ(weight_port(graph_, integers), kNone);
  EXPECT_EQ(weight_port(graph_, sum), kNone);
  EXPECT_EQ(weight_port(graph_, both), kNone);
  EXPECT_THAT(varying_inputs(graph_, graph_.node(both)), ElementsAre(x, output(product)));
  EXPECT_THAT(varying_inputs(graph_, graph_.node(sum)), ElementsAre(x));
}

TEST_F(Roles, AConstantIsOwnWhereOneNodeReadsIt) {
  const ValueId x = input({1, 4}), own = constant({4, 4}), shared = constant({4, 4});
  const NodeId first = node(Op::mat_mul, {x, own}, {1, 4});
  const NodeId second = node(Op::mat_mul, {output(first), shared}, {1, 4});
  node(Op::mat_mul, {output(second), shared}, {1, 4});
  EXPECT_TRUE(is_own_constant(graph_, {first, 1}));
  EXPECT_FALSE(is_own_constant(graph_, {second, 1}));
  EXPECT_FALSE(is_own_constant(graph_, {first, 0}));
}

TEST_F(Roles, ABiasStandsBehindALayerThatNothingElseReads) {
  const ValueId x = input({1, 4, 8, 8});
  const NodeId layer = node(Op::convolution, {x, constant({4, 4, 1, 1})});
  const ValueId bias = constant({4, 1, 1});
  const NodeId sum = node(Op::add, {bias, output(layer)});
  ASSERT_TRUE(bias_behind(graph_, layer));
  EXPECT_EQ(*bias_behind(graph_, layer), (Use{sum, 0}));
  EXPECT_EQ(graph_.input(*bias_behind(graph_, layer)), bias);
  EXPECT_FALSE(bias_behind(graph_, sum));  // nothing reads it
  node(Op::relu, {output(layer)});
  EXPECT_FALSE(bias_behind(graph_, layer));  // two readers
}

TEST_F(Roles, WhatIsComputedIsNoBias) {
  const ValueId x = input({1, 4, 8, 8});
  const NodeId layer = node(Op::convolution, {x, constant({4, 4, 1, 1})});
  node(Op::add, {output(layer), x});
  EXPECT_FALSE(bias_behind(graph_, layer));
}

TEST_F(Roles, AxesOfConvolutions) {
  struct Case {
    Op op;
    Shape weight;
    Axes outputs;
    int64_t inputs, plain_inputs;
  };
  for (const Case& c : {Case{Op::convolution, {6, 4, 3, 3}, {0}, 1, 1},
                        Case{Op::convolution_backprop, {4, 6, 3, 3}, {1}, 0, 0},
                        Case{Op::group_convolution, {2, 3, 2, 3, 3}, {0, 1}, 2, kNone},
                        Case{Op::depthwise_convolution, {4, 1, 1, 3, 3}, {0, 1}, 2, kNone},
                        Case{Op::group_convolution_backprop, {2, 2, 3, 3, 3}, {0, 2}, 1, kNone}}) {
    const NodeId id = node(c.op, {input({1, 4, 8, 8}), constant(c.weight)});
    const WeightAxes axes = weight_axes(graph_, {id, 1});
    EXPECT_EQ(axes.output_axes, c.outputs) << row(c.op).name;
    EXPECT_EQ(axes.input_axis, c.inputs) << row(c.op).name;
    EXPECT_EQ(input_axis(graph_, {id, 1}), c.plain_inputs) << row(c.op).name;
    EXPECT_EQ(output_channel_axis(graph_, id), 1) << row(c.op).name;
    EXPECT_EQ(activation_channel_axis(graph_, {id, 0}), 1) << row(c.op).name;
  }
}

struct Product {
  int32_t port;
  bool transposed;
  int64_t output, input;
};

TEST_F(Roles, AxesOfProducts) {
  for (const Product& p : {Product{1, false, 2, 1}, Product{1, true, 1, 2}, Product{0, false, 1, 2},
                           Product{0, true, 2, 1}}) {
    Attributes attributes;
    (p.port == 0 ? attributes.transpose_a : attributes.transpose_b) = p.transposed;
    std::vector<ValueId> inputs = {input({4, 8, 8}), constant({4, 8, 8})};
    if (p.port == 0) std::swap(inputs[0], inputs[1]);
    const NodeId id = node(Op::mat_mul, inputs, {4, 8, 8}, attributes);
    EXPECT_EQ(weight_port(graph_, id), p.port);
    EXPECT_EQ(input_axis(graph_, {id, p.port}), p.input);
    EXPECT_EQ(output_axes(graph_, {id, p.port}).back(), p.output);
    EXPECT_EQ(output_channel_axis(graph_, id), p.port == 0 ? 1 : 2);
    EXPECT_EQ(activation_channel_axis(graph_, {id, 1 - p.port}), p.port == 0 ? 1 : 2);
  }
}

TEST_F(Roles, WhereValuesComeFrom) {
  const ValueId x = input({1, 4});
  const auto then = [&](Op op, std::vector<ValueId> inputs) {
    return output(node(op, std::move(inputs), {1, 4}));
  };
  const ValueId moved = then(Op::reshape, {then(Op::transpose, {x}), constant({2}, DType::i64)});
  EXPECT_TRUE(comes_from(graph_, x, Op::parameter));
  EXPECT_TRUE(comes_from(graph_, moved, Op::parameter));
  EXPECT_FALSE(comes_from(graph_, moved, Op::softmax));
  const ValueId scores = then(Op::softmax, {moved});
  EXPECT_TRUE(comes_from(graph_, then(Op::transpose, {scores}), Op::softmax));
  EXPECT_FALSE(comes_from(graph_, scores, Op::parameter));  // computes
  EXPECT_FALSE(comes_from(graph_, constant({4}), Op::parameter));
  EXPECT_FALSE(comes_from(graph_, kNone, Op::parameter));
}

TEST_F(Roles, WhatBelongsToNodesTakesTheirIds) {
  const ValueId x = input({1, 4});
  const NodeId product = node(Op::mat_mul, {x, constant({4, 2})}, {1, 2});
  Indexed<NodeId, bool> seen(graph_.nodes.size());
  seen[product] = true;
  EXPECT_THAT(seen, ElementsAre(false, true));
  Indexed<ValueId, std::string> names(graph_.values.size(), "none");
  names[x] = "x";
  EXPECT_THAT(names, ElementsAre("x", "none", "none"));
}

}  // namespace
}  // namespace eightbit
