#include "backends/onnx/bodies/bodies.h"

#include <gmock/gmock.h>

#include "backends/onnx/bodies/closing.h"
#include "backends/onnx/bodies/scopes.h"
#include "backends/onnx/reader.h"
#include "backends/onnx/test_graphs.h"

namespace eightbit::onnx {
namespace {

using test::TestGraph;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

GraphProto& branch(NodeProto& choice, const char* name) {
  auto& attribute = *choice.add_attribute();
  attribute.set_name(name);
  attribute.set_type(AttributeProto::GRAPH);
  attribute.mutable_g()->set_name(name);
  return *attribute.mutable_g();
}

void add(GraphProto& graph, const std::string& type, const std::vector<std::string>& inputs,
         const std::string& output) {
  NodeProto& node = *graph.add_node();
  node.set_op_type(type);
  for (const auto& input : inputs) node.add_input(input);
  node.add_output(output);
}

void yield(GraphProto& graph, const std::string& tensor) { graph.add_output()->set_name(tensor); }

std::vector<std::string> types(const GraphProto& graph) {
  std::vector<std::string> out;
  for (const auto& node : graph.node()) out.push_back(node.op_type());
  return out;
}

std::vector<std::string> initializers(const GraphProto& graph) {
  std::vector<std::string> out;
  for (const auto& initializer : graph.initializer()) out.push_back(initializer.name());
  return out;
}

// y = c ? relu(x * w + shared) : x * shared, where both branches call their product t.
TestGraph choice() {
  TestGraph g;
  g.input("x", {4, 4}).input("c", {}).output("y", {4, 4}).constant("shared", {4, 4});
  g.graph().mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(
      TensorProto::BOOL);
  NodeProto& node = g.node("If", {"c"}, "y", "choice");
  GraphProto& then = branch(node, "then_branch");
  *then.add_initializer() =
      to_proto("w", Tensor::from_floats(std::vector<float>(16, 0.5f), {4, 4}), true);
  add(then, "MatMul", {"x", "w"}, "t");
  add(then, "Add", {"t", "shared"}, "s");
  add(then, "Relu", {"s"}, "o");
  yield(then, "o");
  GraphProto& other = branch(node, "else_branch");
  add(other, "MatMul", {"x", "shared"}, "t");
  yield(other, "t");
  return g;
}

const GraphProto& body(const Content& content, int index) {
  for (const auto& node : content.model.graph().node())
    if (node.op_type() == "If") return *bodies_of(node).at(static_cast<size_t>(index));
  throw std::logic_error("no If");
}

TEST(Branches, StandInTheGraphWithAnOwnerWithParametersAndResults) {
  const Reading reading = read_graph(choice().parse());
  EXPECT_EQ(to_text(reading.graph),
            "x = Parameter() : f32[4,4]\n"
            "c = Parameter() : bool[...]\n"
            "choice = If(c, x, x) : f32[4,4]\n"
            "y/result = Result(choice) : f32[4,4]\n"
            "choice/then/x = Parameter() : f32[4,4]\n"
            "t = MatMul(choice/then/x, const w f32[4,4]) : f32[4,4]\n"
            "s = Add(t, const shared f32[4,4]) : f32[4,4]\n"
            "o = Relu(s) : f32[4,4]\n"
            "o/result = Result(o) : f32[4,4]\n"
            "choice/else/x = Parameter() : f32[4,4]\n"
            "t_2 = MatMul(choice/else/x, const shared f32[4,4]) : f32[4,4]\n"
            "t_2/result = Result(t_2) : f32[4,4]\n");
  for (const Node& node : reading.graph.nodes) {
    EXPECT_EQ(node.owner, node.id < 4 ? kNone : reading.graph.find("choice")) << node.name;
    EXPECT_EQ(reading.bodies[static_cast<size_t>(node.id)], node.id < 9 ? 0 : 1) << node.name;
  }
}

TEST(Branches, ConstantsAreValuesOfEachBranch) {
  const Reading reading = read_graph(choice().parse());
  const auto operand = [&](const char* name) {
    return reading.graph.node(reading.graph.find(name)).inputs[1];
  };
  EXPECT_NE(operand("s"), operand("t_2"));
  EXPECT_EQ(reading.values[static_cast<size_t>(operand("s"))],
            reading.values[static_cast<size_t>(operand("t_2"))]);
}

TEST(Branches, CloseToWhatTheyWere) {
  const Content closed = with_closed_bodies(*choice().parse());
  EXPECT_THAT(types(closed.model.graph()), ElementsAre("If"));
  EXPECT_THAT(initializers(closed.model.graph()), ElementsAre("shared"));
  EXPECT_THAT(types(body(closed, 0)), ElementsAre("MatMul", "Add", "Relu"));
  EXPECT_THAT(initializers(body(closed, 0)), ElementsAre("w"));
  EXPECT_EQ(body(closed, 0).node(0).input(0), "x");
  EXPECT_EQ(body(closed, 0).output(0).name(), "o");
  EXPECT_THAT(types(body(closed, 1)), ElementsAre("MatMul"));
  EXPECT_EQ(body(closed, 1).output(0).name(), body(closed, 1).node(0).output(0));
  EXPECT_TRUE(closed.marks.empty());
}

// Whatever they say: what nodes stand for is written down elsewhere.
TEST(Branches, NodesKeepWhatUsersWroteAboutThem) {
  TestGraph g = choice();
  NodeProto& node = *g.graph().mutable_node(0);
  node.set_doc_string("chooses");
  bodies_of(node).at(0)->mutable_node(0)->set_doc_string("eightbit: entry");
  const Content closed = with_closed_bodies(*g.parse());
  EXPECT_EQ(closed.model.graph().node(0).doc_string(), "chooses");
  EXPECT_EQ(body(closed, 0).node(0).doc_string(), "eightbit: entry");
  EXPECT_THAT(types(body(closed, 0)), ElementsAre("MatMul", "Add", "Relu"));
}

TEST(Branches, MarksFollowTheNameOfAnOutput) {
  const auto content = choice().parse();
  Copy copy(*content, {});
  const std::string fresh = copy.yield_instead("y", "/before");
  EXPECT_FALSE(copy.content.marks.contains("y"));
  EXPECT_EQ(copy.content.marks.at(fresh), Mark::open);
}

TEST(Branches, HandOnWhatIsNotTheirsThroughIdentity) {
  TestGraph g = choice();
  GraphProto& other = *bodies_of(*g.graph().mutable_node(0)).at(1);
  other.mutable_node(0)->set_op_type("Identity");
  other.mutable_node(0)->mutable_input()->DeleteSubrange(1, 1);
  const Content closed = with_closed_bodies(*g.parse());
  EXPECT_THAT(types(body(closed, 1)), ElementsAre("Identity"));
  EXPECT_EQ(body(closed, 1).node(0).input(0), "x");
  EXPECT_THAT(initializers(closed.model.graph()), IsEmpty());
}

TEST(Branches, NodesBelongWhereTheirReadersAre) {
  const auto content = choice().parse();
  const GraphProto& graph = content->model.graph();
  const Scopes scopes = scopes_of(*content);
  ASSERT_EQ(scopes.all.size(), 3u);
  EXPECT_EQ(scopes.of_tensor.at("shared"), 0);
  EXPECT_EQ(scopes.of_tensor.at("x"), 0);
  EXPECT_EQ(scopes.all[static_cast<size_t>(scopes.of_tensor.at("w"))].body, 0);
  EXPECT_EQ(scopes.all[static_cast<size_t>(scopes.of_tensor.at("t_2"))].body, 1);
  for (int i = 0; i < graph.node_size(); ++i)
    EXPECT_EQ(is_open(content->marks, graph.node(i)), scopes.of_node[static_cast<size_t>(i)] == 0)
        << graph.node(i).op_type();
}

TEST(Branches, OneMoreResultGoesThroughBoth) {
  const auto content = choice().parse();
  Copy copy(*content, {});
  const std::string zero =
      copy.add_initializer("zero", Tensor::from_floats(std::vector<float>{0.0f}, {1}));
  const std::string result = add_result(copy, "choice", 0, "s", zero);
  *copy.content.model.mutable_graph()->add_output() = copy.content.model.graph().output(0);
  copy.content.model.mutable_graph()->mutable_output(1)->set_name(result);
  const Content closed = with_closed_bodies(std::move(copy.content));
  EXPECT_THAT(types(body(closed, 0)), ElementsAre("MatMul", "Add", "Relu"));
  EXPECT_EQ(body(closed, 0).output(1).name(), "s");
  EXPECT_THAT(types(body(closed, 1)), ElementsAre("MatMul", "Identity"));
  EXPECT_THAT(initializers(body(closed, 1)), UnorderedElementsAre("zero"));
}

}  // namespace
}  // namespace eightbit::onnx
