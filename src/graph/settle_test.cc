#include "graph/settle.h"

#include <gtest/gtest.h>

namespace eightbit {
namespace {

class Settle : public testing::Test {
 protected:
  ValueId value(const Shape& shape, DType dtype = DType::f32, bool rank_known = true) {
    const std::string name = "input" + std::to_string(graph_.nodes.size());
    const NodeId node = graph_.add_node(name, "Parameter", Op::parameter, {});
    return graph_.add_output(node, dtype, shape, rank_known);
  }
  ValueId constant(const Shape& shape, DType dtype = DType::f32) {
    const std::string name = "constant" + std::to_string(graph_.values.size());
    return graph_.add_constant(name, dtype, shape, {});
  }
  NodeId node(Op op, const std::vector<ValueId>& inputs, const Attributes& attributes = {}) {
    const std::string name = "node" + std::to_string(graph_.nodes.size());
    const NodeId id = graph_.add_node(name, "Any", op, inputs, attributes);
    graph_.add_output(id, DType::f32, {1, 8});
    return id;
  }
  Op op(NodeId id) const { return graph_.node(id).op; }

  Graph graph_;
};

TEST_F(Settle, ByAConstantADivisionIsAProductAndASubtractionASum) {
  const ValueId x = value({1, 8}), y = value({1, 8});
  const NodeId by_number = node(Op::divide, {x, constant({})});
  const NodeId by_value = node(Op::divide, {x, y});
  const NodeId of_number = node(Op::divide, {constant({}), x});
  const NodeId minus = node(Op::subtract, {x, constant({8})});
  const NodeId from = node(Op::subtract, {constant({8}), x});
  Graph as_written = graph_;
  settle(graph_);
  EXPECT_EQ(op(by_number), Op::multiply);
  EXPECT_EQ(op(by_value), Op::divide);
  EXPECT_EQ(op(of_number), Op::divide);
  EXPECT_EQ(op(minus), Op::add);
  EXPECT_EQ(op(from), Op::subtract);
  settle(as_written, {.by_constant = false});
  EXPECT_EQ(as_written.node(by_number).op, Op::divide);
  EXPECT_EQ(as_written.node(minus).op, Op::subtract);
}

TEST_F(Settle, AGatherFromAFloatConstantIsAnEmbedding) {
  const ValueId ids = value({1, 8}, DType::i64);
  const NodeId table = node(Op::gather, {constant({100, 16}), ids});
  const NodeId numbers = node(Op::gather, {constant({100}, DType::i64), ids});
  const NodeId computed = node(Op::gather, {value({1, 8}), ids});
  Graph as_written = graph_;
  settle(graph_);
  EXPECT_EQ(op(table), Op::embedding);
  EXPECT_EQ(op(numbers), Op::gather);
  EXPECT_EQ(op(computed), Op::gather);
  settle(as_written, {.look_ups = false});
  EXPECT_EQ(as_written.node(table).op, Op::gather);
}

TEST_F(Settle, OneInputChannelAGroupIsDepthwise) {
  const ValueId x = value({1, 8, 4, 4});
  const NodeId depthwise = node(Op::group_convolution, {x, constant({8, 1, 1, 3, 3})});
  const NodeId multiplied = node(Op::group_convolution, {x, constant({8, 2, 1, 3, 3})});
  const NodeId grouped = node(Op::group_convolution, {x, constant({2, 4, 4, 1, 1})});
  const NodeId single = node(Op::group_convolution, {x, constant({1, 4, 1, 1, 1})});
  const NodeId computed = node(Op::group_convolution, {x, value({8, 1, 3, 3})});
  const NodeId computed_whole = node(Op::group_convolution, {x, value({8, 4, 1, 1})});
  const NodeId computed_split = node(Op::group_convolution, {x, value({8, 1, 1, 3, 3})});
  const NodeId of_no_rank =
      node(Op::group_convolution, {value({}, DType::f32, false), constant({8, 1, 1, 3, 3})});
  settle(graph_);
  EXPECT_EQ(op(depthwise), Op::depthwise_convolution);
  EXPECT_EQ(op(multiplied), Op::depthwise_convolution);
  EXPECT_EQ(op(grouped), Op::group_convolution);
  EXPECT_EQ(op(single), Op::group_convolution);
  EXPECT_EQ(op(computed), Op::depthwise_convolution);
  EXPECT_EQ(op(computed_whole), Op::group_convolution);
  EXPECT_EQ(op(computed_split), Op::depthwise_convolution);
  EXPECT_EQ(op(of_no_rank), Op::depthwise_convolution);
}

TEST_F(Settle, AnAxisIsCountedFromTheFront) {
  Attributes last, first;
  last.axis = -1, first.axis = 1;
  const NodeId joined = node(Op::concat, {value({1, 8, 2}), value({1, 8, 2})}, last);
  const NodeId known = node(Op::softmax, {value({1, 8, 2})}, first);
  const NodeId open = node(Op::softmax, {value({}, DType::f32, false)}, last);
  settle(graph_);
  EXPECT_EQ(graph_.node(joined).attributes.axis, 2);
  EXPECT_EQ(graph_.node(known).attributes.axis, 1);
  EXPECT_EQ(graph_.node(open).attributes.axis, -1);
}

}  // namespace
}  // namespace eightbit
