#include "kernels/runtime.h"

#include <gtest/gtest.h>

#include "kernels/unfused.h"

namespace eightbit {
namespace {

class Runtimes : public testing::Test {
 protected:
  ValueId input() {
    const NodeId node = graph_.add_node("input" + std::to_string(graph_.nodes.size()), "Parameter",
                                        Op::parameter, {});
    return graph_.add_output(node, DType::f32, {1, 8});
  }
  NodeId node(Op op, const std::string& type, const std::vector<ValueId>& inputs) {
    const NodeId id =
        graph_.add_node("node" + std::to_string(graph_.nodes.size()), type, op, inputs);
    graph_.add_output(id, DType::f32, {1, 8});
    return id;
  }
  ValueId output(NodeId id) const { return graph_.node(id).outputs[0]; }
  void quantize(ValueId value, std::vector<Use> uses) {
    Quantizer quantizer;
    quantizer.value = value;
    quantizer.uses = std::move(uses);
    quantizer.low = {-1};
    quantizer.high = {1};
    quantizer.levels = 256;
    plan_.quantizers.push_back(std::move(quantizer));
  }
  // The reason for the first pair; "" where all fuse.
  std::string reason(const Runtime& runtime) const {
    const auto pairs = unfused_pairs(graph_, plan_, runtime);
    return pairs.empty() ? "" : pairs[0].reason;
  }

  Graph graph_;
  Plan plan_;
};

TEST_F(Runtimes, AreKnownByTheFilesThatTheyRead) {
  ASSERT_EQ(runtimes_for("onnx").size(), 3u);
  EXPECT_EQ(runtimes_for("onnx")[0]->name, "onnxruntime");
  ASSERT_EQ(runtimes_for("openvino").size(), 1u);
  EXPECT_EQ(runtimes_for("openvino")[0]->name, "openvino");
  EXPECT_TRUE(runtimes_for("torch").empty());
}

TEST_F(Runtimes, AnAdditionWantsBothOperandsAndInOnnxRuntimeAQuantizerBehind) {
  const ValueId x = input(), y = input();
  const NodeId sum = node(Op::add, "Add", {x, y});
  quantize(x, {{sum, 0}});
  EXPECT_EQ(reason(kOnnxRuntime), kFloatOperand);
  EXPECT_EQ(reason(kOpenVino), "");
  quantize(y, {{sum, 1}});
  EXPECT_EQ(reason(kOnnxRuntime), kNoQuantizerBehind);
  const NodeId reader = node(Op::add, "Add", {output(sum), output(sum)});
  quantize(output(sum), {{reader, 0}, {reader, 1}});
  const auto pairs = unfused_pairs(graph_, plan_, kOnnxRuntime);
  ASSERT_EQ(pairs.size(), 1u);  // the second sum, behind which there is none
  EXPECT_EQ(pairs[0].node, graph_.node(reader).name);
}

TEST_F(Runtimes, AQuantizerBehindMayStandBehindWhatClipsOrMoves) {
  const ValueId x = input();
  const NodeId pool = node(Op::avg_pool, "AveragePool", {x});
  const NodeId relu = node(Op::relu, "Relu", {output(pool)});
  const NodeId moved = node(Op::reshape, "Reshape", {output(relu)});
  const NodeId last = node(Op::reshape, "Reshape", {output(moved)});
  quantize(x, {{pool, 0}});
  EXPECT_EQ(reason(kOnnxRuntime), kNoQuantizerBehind);
  quantize(output(moved), {{last, 0}});
  EXPECT_EQ(reason(kOnnxRuntime), "");
}

TEST_F(Runtimes, TheFrameworksTypeMayDecide) {
  const ValueId x = input();
  const NodeId mean = node(Op::reduce_mean, "ReduceMean", {x});
  quantize(x, {{mean, 0}});
  EXPECT_EQ(reason(kOnnxRuntime), "means are computed in floats, global average pools are not");
  EXPECT_EQ(reason(kOpenVino), "");
}

TEST_F(Runtimes, WhatHasNoRowHasNoKernel) {
  const ValueId x = input();
  quantize(x, {{node(Op::tanh, "Tanh", {x}), 0}});
  EXPECT_EQ(reason(kOnnxRuntime), kNoKernel);
  EXPECT_EQ(reason(kOpenVino), kNoKernel);
  EXPECT_NE(reason(kTensorRt), "");
}

TEST_F(Runtimes, WhatMovesValuesKeepsIntegers) {
  const ValueId x = input();
  const NodeId moved = node(Op::transpose, "Transpose", {x});
  quantize(x, {{moved, 0}});
  EXPECT_EQ(reason(kOnnxRuntime), "");
  EXPECT_EQ(reason(kOpenVino), "");
}

}  // namespace
}  // namespace eightbit
