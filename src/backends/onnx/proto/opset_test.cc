#include "backends/onnx/proto/opset.h"

#include <gmock/gmock.h>

#include "backends/onnx/proto/check.h"
#include "backends/onnx/test_graphs.h"

namespace eightbit::onnx {
namespace {

using test::TestGraph;
using testing::ElementsAre;

std::vector<std::string> types(const ModelProto& model) {
  std::vector<std::string> out;
  for (const auto& node : model.graph().node()) out.push_back(node.op_type());
  return out;
}

std::optional<int64_t> rank_four(const std::string&) { return 4; }
std::optional<int64_t> no_rank(const std::string&) { return std::nullopt; }

TEST(OnnxOpset, ListsBecomeInputs) {
  TestGraph g(11);
  g.input("x", {1, 2, 1}).output("y", {1, 2});
  set_attribute(g.node("Squeeze", {"x"}, "y"), "axes", std::vector<int64_t>{2});
  lift_opset(g.model(), 13, rank_four);
  EXPECT_EQ(opset_of(g.model()), 13);
  const NodeProto& node = g.graph().node(0);
  ASSERT_EQ(node.input_size(), 2);
  EXPECT_EQ(find_attribute(node, "axes"), nullptr);
  EXPECT_EQ(g.graph().initializer(0).name(), node.input(1));
  EXPECT_THAT(g.graph().initializer(0).int64_data(), ElementsAre(2));
}

TEST(OnnxOpset, SoftmaxOverTheLastAxisStaysOneNode) {
  TestGraph g(12);
  set_attribute(g.node("Softmax", {"x"}, "y"), "axis", int64_t{3});
  lift_opset(g.model(), 13, rank_four);
  EXPECT_THAT(types(g.model()), ElementsAre("Softmax"));
  EXPECT_EQ(int_attribute(g.graph().node(0), "axis", 7), -1);
}

TEST(OnnxOpset, SoftmaxOverManyAxesIsFlattened) {
  for (const RankOf& rank : {RankOf(rank_four), RankOf(no_rank)}) {
    TestGraph g(12);
    g.node("Softmax", {"x"}, "y");
    lift_opset(g.model(), 13, rank);
    EXPECT_THAT(types(g.model()), ElementsAre("Shape", "Flatten", "Softmax", "Reshape"));
    EXPECT_EQ(g.graph().node(3).output(0), "y");
  }
}

TEST(OnnxOpset, AnOldUpsampleBecomesResize) {
  TestGraph g(9);
  g.node("Upsample", {"x", "scales"}, "y");
  lift_opset(g.model(), 13, no_rank);
  const NodeProto& node = g.graph().node(0);
  EXPECT_EQ(node.op_type(), "Resize");
  EXPECT_THAT(std::vector<std::string>(node.input().begin(), node.input().end()),
              ElementsAre("x", "", "scales"));
  EXPECT_EQ(string_attribute(node, "coordinate_transformation_mode", ""), "asymmetric");
}

TEST(OnnxOpset, NothingChangesWithoutNeed) {
  TestGraph g(17);
  g.node("Softmax", {"x"}, "y");
  lift_opset(g.model(), 13, no_rank);
  EXPECT_EQ(opset_of(g.model()), 17);
  EXPECT_THAT(types(g.model()), ElementsAre("Softmax"));
}

}  // namespace
}  // namespace eightbit::onnx
