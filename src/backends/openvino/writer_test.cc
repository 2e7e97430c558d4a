#include "backends/openvino/writer.h"

#include <gtest/gtest.h>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

const OpenVinoModel& native(const std::shared_ptr<const backends::Network>& model) {
  return dynamic_cast<const OpenVinoModel&>(*model);
}

std::shared_ptr<op::Constant> constant_input(const NodePtr& node, size_t port) {
  return ov::as_type_ptr<op::Constant>(node->get_input_node_shared_ptr(port));
}

std::vector<float> floats(const NodePtr& constant) {
  return ov::as_type_ptr<op::Constant>(constant)->cast_vector<float>();
}

Plan conv_plan(const Graph& graph) {
  Plan plan;
  plan.quantizers.push_back(input_quantizer(graph, "conv", 0, -1.0f, 1.0f));
  plan.quantizers.push_back(weight_quantizer(graph, "conv", 1, {0}, 4));
  return plan;
}

TEST(Writer, InsertsFakeQuantizeUnderItsName) {
  const auto model = read(conv_model());
  Plan plan = conv_plan(model->graph());
  plan.compress_weights = false;
  const auto quantized = model->apply(plan, {{"preset", "mixed"}});
  const ov::Model& result = *native(quantized).native();
  const auto conv = find(result, "conv");
  const auto data = find(result, "input/fq_output_0"), weight = find(result, "conv/fq_weights_1");
  ASSERT_TRUE(data && weight);
  EXPECT_EQ(conv->get_input_node_shared_ptr(0), data);
  EXPECT_EQ(conv->get_input_node_shared_ptr(1), weight);
  EXPECT_EQ(weight->get_input_shape(1), (ov::Shape{4, 1, 1, 1}));
  EXPECT_EQ(ov::as_type_ptr<op::FakeQuantize>(weight)->get_levels(), 255u);
  EXPECT_EQ(result.get_rt_info<std::string>("eightbit", "quantization", "preset"), "mixed");
  EXPECT_EQ(find(*model->native(), "conv/fq_weights_1"), nullptr) << "the original was changed";
}

TEST(Writer, CompressedWeightsComputeTheSame) {
  for (const auto stored : {ov::element::f32, ov::element::f16}) {
    const auto model = read(conv_model(stored));
    Plan plan = conv_plan(model->graph());
    const Sample sample = sample_of(*model);
    const auto compressed = model->apply(plan, {});
    plan.compress_weights = false;
    const auto plain = model->apply(plan, {});
    EXPECT_LT(largest_difference(run(native(compressed), sample)[0], run(native(plain), sample)[0]),
              2e-5f);
    EXPECT_GT(largest_difference(run(native(compressed), sample)[0], run(*model, sample)[0]),
              1e-4f);
    const auto constant = find(*native(compressed).native(), "conv/fq_weights_1/compressed");
    ASSERT_TRUE(constant);
    EXPECT_EQ(constant->get_output_element_type(0), ov::element::i8);
  }
}

TEST(Writer, QuantizesOneBranchOnly) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto first = convolution("first", input, weights("w1", {3, 3, 3, 3}));
  const auto second = convolution("second", input, weights("w2", {3, 3, 3, 3}));
  const auto model = read(model_of({first, second}, {input}));
  Plan plan;
  plan.quantizers.push_back(input_quantizer(model->graph(), "second", 0, -1, 1));
  const auto quantized = model->apply(plan, {});
  const ov::Model& result = *native(quantized).native();
  EXPECT_TRUE(find(result, "second/fq_input_0"));
  EXPECT_EQ(find(result, "first")->get_input_node_ptr(0)->get_friendly_name(), "input");
}

TEST(Writer, KeepsTheNamesOfOutputs) {
  const auto model = read(conv_model());
  const Graph& graph = model->graph();
  Plan plan;
  Quantizer quantizer = input_quantizer(graph, "relu/result", 0, 0, 6);
  plan.quantizers.push_back(quantizer);
  const auto quantized = model->apply(plan, {});
  EXPECT_TRUE(find(*native(quantized).native(), "relu/fq_output_0"));
  EXPECT_EQ(native(quantized).outputs()[0].name, "relu_out");
  EXPECT_EQ(model->outputs()[0].name, "relu_out");
}

TEST(Writer, SharedWeightsGetOneQuantizer) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto w = weights("w", {3, 3, 3, 3});
  const auto model =
      read(model_of({convolution("conv2", convolution("conv1", input, w), w)}, {input}));
  Plan plan;
  plan.compress_weights = false;
  plan.quantizers.push_back(weight_quantizer(model->graph(), "conv1", 1, {0}, 3));
  const auto quantized = model->apply(plan, {});
  const ov::Model& result = *native(quantized).native();
  EXPECT_EQ(find(result, "conv1")->get_input_node_ptr(1),
            find(result, "conv2")->get_input_node_ptr(1));
  EXPECT_EQ(find(result, "conv1")->get_input_node_ptr(1)->get_friendly_name(),
            "conv1/fq_weights_1");
}

TEST(Writer, ShiftsTheBiasThatIsThere) {
  const auto model = read(conv_model());
  Plan plan;
  plan.biases.push_back({model->graph().find("conv"), 1, {0.5f, -0.5f, 0.25f, 1.0f}});
  const auto shifted = model->apply(plan, {});
  const auto bias = find(*native(shifted).native(), "bias");
  EXPECT_EQ(bias->get_input_shape(1), (ov::Shape{1, 4, 1, 1}));
  EXPECT_EQ(floats(constant_input(bias, 1)), (std::vector<float>{1.5f, 1.5f, 3.25f, 5.0f}));
  EXPECT_EQ(find(*native(shifted).native(), "conv/bias_correction"), nullptr);
  EXPECT_EQ(floats(constant_input(find(*model->native(), "bias"), 1)),
            (std::vector<float>{1, 2, 3, 4}));
}

TEST(Writer, ShiftsABiasBehindReshapeAndInHalfPrecision) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto conv = convolution("conv", input, weights("w", {4, 3, 3, 3}));
  const auto half = std::make_shared<op::Convert>(
      constant("b", {4}, {1, 2, 3, 4}, ov::element::f16), ov::element::f32);
  const auto bias = std::make_shared<op::Reshape>(half, integers({1, 4, 1, 1}), false);
  const auto model = read(model_of({named(std::make_shared<op::Add>(bias, conv), "add")}, {input}));
  Plan plan;
  plan.biases.push_back({model->graph().find("conv"), 1, {1, 1, 1, 1}});
  const auto shifted = model->apply(plan, {});
  EXPECT_EQ(floats(constant_input(find(*native(shifted).native(), "add"), 0)),
            (std::vector<float>{2, 3, 4, 5}));
}

TEST(Writer, WidensAScalarBias) {
  const auto input = parameter("input", {2, 5, 8});
  const auto product =
      named(std::make_shared<op::MatMul>(input, weights("w", {4, 8}), false, true), "matmul");
  const auto model = read(model_of(
      {named(std::make_shared<op::Add>(product, constant("b", {}, {2})), "add")}, {input}));
  Plan plan;
  plan.biases.push_back({model->graph().find("matmul"), 2, {1, 2, 3, 4}});
  const auto shifted = model->apply(plan, {});
  const auto add = find(*native(shifted).native(), "add");
  EXPECT_EQ(floats(constant_input(add, 1)), (std::vector<float>{3, 4, 5, 6}));
  EXPECT_EQ(add->get_output_shape(0), (ov::Shape{2, 5, 4}));
}

TEST(Writer, AddsABiasWhereThereIsNone) {
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto conv = convolution("conv", input, weights("w", {2, 3, 3, 3}));
  const auto relu = named(std::make_shared<op::Relu>(conv), "relu");
  const auto model = read(model_of({conv, relu}, {input}));
  Plan plan;
  plan.biases.push_back({model->graph().find("conv"), 1, {10, -20}});
  const auto shifted = model->apply(plan, {});
  const ov::Model& result = *native(shifted).native();
  ASSERT_TRUE(find(result, "conv/bias_correction"));
  EXPECT_EQ(find(result, "relu")->get_input_node_ptr(0)->get_friendly_name(),
            "conv/bias_correction");
  EXPECT_EQ(native(shifted).outputs()[0].name, "conv_out");
  const Sample sample = sample_of(*model);
  const auto before = run(*model, sample)[0], after = run(native(shifted), sample)[0];
  EXPECT_NEAR(after[0] - before[0], 10.0f, 1e-4f);
  EXPECT_NEAR(after[64] - before[64], -20.0f, 1e-4f);
}

TEST(Writer, ScalesOneUse) {
  const auto model = read(conv_model());
  const Graph& graph = model->graph();
  const NodeId conv = graph.find("conv");
  Plan plan;
  plan.scales.push_back({graph.node(conv).inputs[0], {{conv, 0}}, {2, 2, 2}, 1});
  Tensor halved = graph.value(graph.node(conv).inputs[1]).constant->load();
  auto values = to_floats(halved);
  for (float& value : values) value /= 2;
  plan.constants.push_back({graph.node(conv).inputs[1],
                            {},
                            Tensor::from_floats(values, halved.shape),
                            ReplacementReason::smooth_quant});
  const auto smoothed = model->apply(plan, {});
  EXPECT_TRUE(find(*native(smoothed).native(), "conv/scale"));
  const Sample sample = sample_of(*model);
  EXPECT_LT(largest_difference(run(native(smoothed), sample)[0], run(*model, sample)[0]), 1e-4f);
}

TEST(Writer, QuantizesWhatWasReplacedAndTheLastReplacementWins) {
  const auto model = read(conv_model());
  const Graph& graph = model->graph();
  Plan plan = conv_plan(graph);
  const ValueId weight = plan.quantizers[1].value;
  const Shape& shape = graph.value(weight).shape;
  plan.constants.push_back({weight,
                            {},
                            Tensor::from_floats(std::vector<float>(108, 0.1f), shape),
                            ReplacementReason::channel_alignment});
  plan.constants.push_back({weight,
                            {},
                            Tensor::from_floats(std::vector<float>(108, 0.9f), shape),
                            ReplacementReason::smooth_quant});
  const auto quantized = model->apply(plan, {});
  const auto stored = ov::as_type_ptr<op::Constant>(
      find(*native(quantized).native(), "conv/fq_weights_1/compressed"));
  EXPECT_EQ(stored->cast_vector<int>().front(), 127);
}

TEST(Writer, HalfPrecisionTensorsGetClippedHalfConstants) {
  const auto input = parameter("input", {1, 4}, ov::element::f16);
  const auto model = read(model_of({named(std::make_shared<op::Relu>(input), "relu")}, {input}));
  Plan plan;
  plan.quantizers.push_back(input_quantizer(model->graph(), "relu", 0, -1e9f, 1e9f));
  const auto quantized = model->apply(plan, {});
  const auto fq = find(*native(quantized).native(), "input/fq_output_0");
  ASSERT_TRUE(fq);
  EXPECT_EQ(fq->get_input_element_type(1), ov::element::f16);
  EXPECT_EQ(floats(constant_input(fq, 2)), (std::vector<float>{65504.0f}));
}

TEST(Writer, WritesFakeConvertForFp8) {
  const auto model = read(conv_model());
  Plan plan;
  Quantizer quantizer = weight_quantizer(model->graph(), "conv", 1, {0}, 4);
  quantizer.low.clear();
  quantizer.high.clear();
  quantizer.scale = {100, 200, 300, 400};
  quantizer.spec.fp8 = FP8Type::f8e4m3;
  plan.quantizers.push_back(quantizer);
  const auto quantized = model->apply(plan, {});
  const auto node = find(*native(quantized).native(), "conv/fc_weights_1");
  ASSERT_TRUE(node);
  EXPECT_EQ(std::string(node->get_type_name()), "FakeConvert");
  const Sample sample = sample_of(*model);
  const float error = largest_difference(run(native(quantized), sample)[0], run(*model, sample)[0]);
  EXPECT_GT(error, 0.0f);
  EXPECT_LT(error, 0.5f);
}

TEST(Writer, RefusesAChannelAxisWithoutARank) {
  const auto input = parameter("input", ov::PartialShape::dynamic());
  const auto model = read(model_of({named(std::make_shared<op::Relu>(input), "relu")}, {input}));
  Plan plan;
  Quantizer quantizer = input_quantizer(model->graph(), "relu", 0, -1, 1);
  plan.quantizers.push_back(quantizer);
  EXPECT_NO_THROW(model->apply(plan, {}));
  plan.quantizers[0].channel_axes = {1};
  EXPECT_THROW(model->apply(plan, {}), Unsupported);
}

TEST(Writer, RewritesBranchesOfTheCopyOnly) {
  const auto condition = parameter("condition", {}, ov::element::boolean);
  const auto input = parameter("input", {1, 3, 8, 8});
  const auto inner = parameter("inner", {1, 3, 8, 8}), other = parameter("other", {1, 3, 8, 8});
  const auto then_body =
      model_of({convolution("conv", inner, weights("w", {3, 3, 3, 3}))}, {inner});
  const auto else_body = model_of({named(std::make_shared<op::Relu>(other), "relu")}, {other});
  const auto node = named(std::make_shared<op::If>(condition), "if");
  node->set_then_body(then_body);
  node->set_else_body(else_body);
  node->set_input(input, inner, other);
  const auto output = node->set_output(then_body->get_results()[0], else_body->get_results()[0]);
  const auto model = read(model_of({output}, {condition, input}));

  Copy copy = model->copy();
  Plan plan;
  plan.quantizers.push_back(weight_quantizer(model->graph(), "conv", 1, {0}, 3));
  apply_plan(copy, model->graph(), plan);
  const auto copied = ov::as_type_ptr<op::If>(find(*copy.model, "if"));
  EXPECT_TRUE(find(*copied->get_then_body(), "conv/fq_weights_1"));
  EXPECT_FALSE(find(*then_body, "conv/fq_weights_1")) << "the original was changed";
}

TEST(Writer, CopiesStatesAndTheirOrder) {
  const auto input = parameter("input", {1, 4});
  const auto variable = std::make_shared<ov::op::util::Variable>(
      ov::op::util::VariableInfo{ov::PartialShape{1, 4}, ov::element::f32, "state"});
  const auto state = named(
      std::make_shared<op::ReadValue>(constant("init", {1, 4}, {0, 0, 0, 0}), variable), "read");
  const auto add = named(std::make_shared<op::Add>(input, state), "add");
  const auto assign = std::make_shared<op::Assign>(add, variable);
  const auto model =
      read(std::make_shared<ov::Model>(ov::ResultVector{std::make_shared<op::Result>(add)},
                                       ov::SinkVector{assign}, ov::ParameterVector{input}));
  EXPECT_TRUE(model->stateful());
  Plan plan;
  plan.quantizers.push_back(input_quantizer(model->graph(), "add", 0, -1, 1));
  const auto quantized = model->apply(plan, {});
  EXPECT_TRUE(quantized->stateful());
  const Sample sample = sample_of(*model);
  EXPECT_LT(largest_difference(run(native(quantized), sample)[0], run(*model, sample)[0]), 1e-2f);
}

}  // namespace
}  // namespace eightbit::openvino
