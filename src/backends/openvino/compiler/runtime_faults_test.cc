#include "backends/openvino/compiler/runtime_faults.h"

#include <gtest/gtest.h>

#include <functional>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

NodePtr quantized(const ov::Output<ov::Node>& value) {
  const auto low = constant("low", {}, {-4}), high = constant("high", {}, {4});
  return std::make_shared<op::FakeQuantize>(value, low, high, low, high, 256);
}

NodePtr product(const ov::Output<ov::Node>& value, const std::string& name, size_t depth = 16) {
  return named(std::make_shared<op::MatMul>(value, weights(name + "/w", {depth, 16}), false, false),
               name);
}

// Whether something was put in, and what: its type, or nothing.
std::string put_in(const std::shared_ptr<ov::Model>& model) {
  avoid_runtime_faults(*model);
  for (const auto& node : model->get_ordered_ops())
    if (node->get_friendly_name().ends_with("/apart")) return node->get_type_name();
  return "";
}

std::shared_ptr<ov::Model> chain(const ov::PartialShape& shape, bool with_quantizer = true) {
  const auto input = parameter("x", shape);
  const NodePtr relu = std::make_shared<op::Relu>(product(quantized(input), "first"));
  return model_of({product(with_quantizer ? quantized(relu) : relu, "second")}, {input});
}

TEST(RuntimeFaults, ChainsOfProductsWithFewRowsAreTakenApart) {
  for (int64_t rows : {1, 3, 4, 6, 8})
    EXPECT_EQ(put_in(chain({rows, 16})), "ShuffleChannels") << rows;
  for (int64_t rows : {9, 64}) EXPECT_EQ(put_in(chain({rows, 16})), "") << rows;
  EXPECT_EQ(put_in(chain({-1, 16})), "");
  EXPECT_EQ(put_in(chain({1, 4, 16})), "");
  EXPECT_EQ(put_in(chain({4, 16}, false)), "");
}

// Behind the first product: what is added, and what else is done.
std::shared_ptr<ov::Model> biased(const ov::Shape& bias,
                                  const std::function<NodePtr(const NodePtr&)>& behind) {
  const auto input = parameter("x", {4, 16});
  const NodePtr sum =
      std::make_shared<op::Add>(product(quantized(input), "first"), weights("bias", bias));
  return model_of({product(quantized(behind(sum)), "second")}, {input});
}

TEST(RuntimeFaults, ABiasByChannelAndAnActivationAreComputedRightly) {
  const auto relu = [](const NodePtr& node) -> NodePtr { return std::make_shared<op::Relu>(node); };
  const auto nothing = [](const NodePtr& node) { return node; };
  const auto doubled = [](const NodePtr& node) -> NodePtr {
    return std::make_shared<op::Multiply>(node, constant("two", {}, {2}));
  };
  const auto clamped = [](const NodePtr& node) -> NodePtr {
    return std::make_shared<op::Clamp>(node, 0, 6);
  };
  EXPECT_EQ(put_in(biased({1, 16}, relu)), "");
  EXPECT_EQ(put_in(biased({16}, nothing)), "");
  EXPECT_EQ(put_in(biased({4, 16}, relu)), "ShuffleChannels");
  EXPECT_EQ(put_in(biased({4, 1}, relu)), "ShuffleChannels");
  EXPECT_EQ(put_in(biased({1}, relu)), "ShuffleChannels");
  EXPECT_EQ(put_in(biased({16}, doubled)), "ShuffleChannels");
  EXPECT_EQ(put_in(biased({1}, clamped)), "ShuffleChannels");
}

TEST(RuntimeFaults, AChainWhoseMiddleIsReadTwiceIsNone) {
  const auto input = parameter("x", {4, 16});
  const NodePtr first = product(quantized(input), "first");
  EXPECT_EQ(put_in(model_of({product(quantized(first), "second"), first}, {input})), "");
}

template <typename Reduce>
std::shared_ptr<ov::Model> reduced(bool quantizes, bool read_twice = false,
                                   const ov::PartialShape& shape = {1, 8, 16}) {
  const auto input = parameter("x", shape);
  const NodePtr reduce = named(std::make_shared<Reduce>(input, integers({1}), true), "reduce");
  const NodePtr behind = std::make_shared<op::Sigmoid>(reduce);
  ov::OutputVector outputs = {product(quantizes ? quantized(behind) : behind, "last")};
  if (read_twice) outputs.push_back(reduce);
  return model_of(outputs, {input});
}

TEST(RuntimeFaults, ReductionsToTheLeastAndLargestEndInFrontOfQuantizers) {
  EXPECT_EQ(put_in(reduced<op::ReduceMin>(true)), "ShuffleChannels");
  EXPECT_EQ(put_in(reduced<op::ReduceMax>(true)), "ShuffleChannels");
  EXPECT_EQ(put_in(reduced<op::ReduceMax>(true, false, {-1, -1, 16})), "ShuffleChannels");
  EXPECT_EQ(put_in(reduced<op::ReduceMax>(false)), "");
  EXPECT_EQ(put_in(reduced<op::ReduceMax>(true, true)), "");
  EXPECT_EQ(put_in(reduced<op::ReduceMean>(true)), "");
  EXPECT_EQ(put_in(reduced<op::ReduceMax>(true, false, ov::PartialShape::dynamic())), "");
}

std::shared_ptr<ov::Model> masked(ov::element::Type type) {
  const auto mask = parameter("mask", {1, 6}, type), input = parameter("x", {1, 6});
  const NodePtr number = named(std::make_shared<op::Convert>(mask, ov::element::f32), "number");
  const NodePtr bias = std::make_shared<op::Subtract>(constant("one", {}, {1}), number);
  return model_of({named(std::make_shared<op::Multiply>(bias, input), "product")}, {mask, input});
}

TEST(RuntimeFaults, MasksOfBytesAndBooleansAreConvertedByWayOfWords) {
  EXPECT_EQ(put_in(masked(ov::element::u8)), "Convert");
  EXPECT_EQ(put_in(masked(ov::element::i8)), "Convert");
  EXPECT_EQ(put_in(masked(ov::element::i64)), "");
  EXPECT_EQ(put_in(masked(ov::element::boolean)), "Convert");
}

TEST(RuntimeFaults, WeightsInIntegersStay) {
  const auto input = parameter("x", {1, 16});
  NodePtr w =
      std::make_shared<op::Convert>(weights("w", {16, 16}, 1, ov::element::i8), ov::element::f32);
  w = std::make_shared<op::Multiply>(w, constant("scale", {}, {0.5f}));
  EXPECT_EQ(put_in(model_of({named(std::make_shared<op::MatMul>(input, w, false, false), "last")},
                            {input})),
            "");
}

TEST(RuntimeFaults, ShapesStay) {
  const auto model = reduced<op::ReduceMin>(true, false, {-1, 8, 16});
  avoid_runtime_faults(*model);
  EXPECT_EQ(find(*model, "reduce/apart")->get_output_partial_shape(0),
            find(*model, "reduce")->get_output_partial_shape(0));
}

}  // namespace
}  // namespace eightbit::openvino
