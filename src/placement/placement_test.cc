#include "placement/placement.h"

#include <eightbit/error.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "graph/text.h"
#include "placement/devices.h"

namespace eightbit::placement {
namespace {

using testing::HasSubstr;

constexpr const char* kConv =
    "in = Parameter() : f32[1,4,8,8]\n"
    "c = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
    "u = Interpolate(c, const i64[2]) : f32[1,4,8,8]\n"
    "out = Result(u)\n";

QuantizationParameters parameters(int bits) {
  QuantizationParameters out;
  out.num_bits = bits;
  return out;
}

std::string message_of(const std::string& graph, const QuantizeOptions& options) {
  try {
    place(parse_graph(graph), options);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no InvalidArgument";
}

TEST(Placement, ParametersThatLeaveNothingNameTheNodeAndTheOffer) {
  QuantizeOptions options;
  options.advanced_parameters.activations_quantization_params = parameters(16);
  const std::string message = message_of(kConv, options);
  EXPECT_THAT(message, HasSubstr("'u' (Interpolate)"));
  EXPECT_THAT(message, HasSubstr("num_bits=16, mode=symmetric"));
  EXPECT_THAT(message, HasSubstr("8b sym pt, 8b asym pt"));
}

TEST(Placement, IgnoringTheNodeLiftsTheConflict) {
  QuantizeOptions options;
  options.advanced_parameters.activations_quantization_params = parameters(16);
  options.ignored_scope.names = {"u"};
  const Plan plan = place(parse_graph(kConv), options);
  ASSERT_EQ(plan.quantizers.size(), 2u);
  EXPECT_EQ(plan.quantizers[0].spec.bits, 16);
}

TEST(Placement, WeightParametersThatLeaveNothingNameTheNode) {
  QuantizeOptions options;
  options.advanced_parameters.weights_quantization_params = parameters(4);
  const std::string message = message_of(kConv, options);
  EXPECT_THAT(message, HasSubstr("'c' (Convolution)"));
  EXPECT_THAT(message, HasSubstr("8b sym pc signed narrow"));
}

TEST(Placement, ForcedSignOfActivationsIsRefused) {
  QuantizeOptions options;
  options.advanced_parameters.activations_quantization_params.emplace().signedness_to_force = true;
  EXPECT_THAT(message_of(kConv, options), HasSubstr("signedness_to_force=true"));
}

TEST(Placement, IgnoredScopeIsValidated) {
  QuantizeOptions options;
  options.ignored_scope.names = {"cc"};
  EXPECT_THAT(message_of(kConv, options), HasSubstr("Did you mean c"));
}

// Quantizers pass every agnostic op: the one of the convolution below ends up above.
TEST(Placement, EveryAgnosticOpIsPassed) {
  for (const OpRow& r : op_table()) {
    if (r.trait != Trait::agnostic) continue;
    const Graph graph =
        parse_graph(fmt::format("in = Parameter() : f32[1,4,8,8]\n"
                                "x = X/{}(in) : f32[1,4,8,8]\n"
                                "c = Convolution(x, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
                                "out = Result(c)\n",
                                r.name));
    const Plan plan = place(graph, {});
    ASSERT_EQ(plan.quantizers.size(), 2u) << r.name;
    EXPECT_EQ(graph.value(plan.quantizers[0].value).name, "in") << r.name;
  }
}

// ... and no other op.
TEST(Placement, EveryOtherOpStops) {
  for (const OpRow& r : op_table()) {
    const bool starts = r.op == Op::parameter || r.op == Op::result || r.op == Op::shape_of;
    if (r.trait == Trait::agnostic || r.trait == Trait::concat || starts) continue;
    const Graph graph =
        parse_graph(fmt::format("in = Parameter() : f32[1,4,8,8]\n"
                                "e = Exp(in) : f32[1,4,8,8]\n"
                                "x = X/{}(e) : f32[1,4,8,8]\n"
                                "c = Convolution(x, const f32[4,4,3,3]) : f32[1,4,8,8]\n"
                                "out = Result(c)\n",
                                r.name));
    const Plan plan = place(graph, {});
    const bool quantized_already =
        r.op == Op::fake_quantize || r.op == Op::fake_convert || r.op == Op::dequantize_linear;
    const auto above_conv = [&](const Quantizer& q) { return graph.value(q.value).name == "x"; };
    EXPECT_EQ(std::ranges::count_if(plan.quantizers, above_conv), quantized_already ? 0 : 1)
        << r.name;
  }
}

TEST(Placement, EveryOpIsPlacedOnEveryDevice) {
  for (TargetDevice target : {TargetDevice::any, TargetDevice::cpu, TargetDevice::cpu_spr,
                              TargetDevice::gpu, TargetDevice::npu})
    for (const OpRow& r : op_table()) {
      Node node;
      node.op = r.op;
      const Offer offer = Device(target).offer(node);
      EXPECT_FALSE(r.weight_layout == WeightLayout::none && !offer.weights.empty()) << r.name;
      EXPECT_FALSE(offer.trait != Trait::inputs_quantizable && !offer.activations.empty())
          << r.name;
    }
}

double seconds(const Graph& graph, const QuantizeOptions& options = {}) {
  const auto start = std::chrono::steady_clock::now();
  place(graph, options);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Adds nodes without going through text: x -> Type/op -> value.
struct Builder {
  Graph graph;
  int count = 0;
  ValueId node(const char* type, Op op, std::vector<ValueId> inputs) {
    const NodeId id = graph.add_node(fmt::format("n{}", count++), type, op, std::move(inputs));
    return graph.add_output(id, DType::f32, {1, 4, 8, 8});
  }
  ValueId conv(ValueId x) {
    const ValueId w = graph.add_constant(fmt::format("w{}", count), DType::f32, {4, 4, 3, 3}, {});
    return node("Convolution", Op::convolution, {x, w});
  }
  void result(ValueId x) { graph.add_node(fmt::format("n{}", count++), "Result", Op::result, {x}); }
};

// in -> transpose -> ... -> conv, with x + x now and then.
Graph chain(int size) {
  Builder b;
  ValueId x = b.node("Parameter", Op::parameter, {});
  for (int i = 0; i < size; ++i)
    x = b.node("T", i % 50 == 0 ? Op::add : Op::transpose,
               i % 50 == 0 ? std::vector{x, x} : std::vector{x});
  b.result(b.conv(x));
  return std::move(b.graph);
}

// Two rails of agnostic ops with rungs between them: exponentially many paths.
Graph ladder(int size) {
  Builder b;
  ValueId left = b.node("Parameter", Op::parameter, {}),
          right = b.node("Parameter", Op::parameter, {});
  for (int i = 0; i < size / 4; ++i) {
    const ValueId l = b.node("Reshape", Op::reshape, {left}),
                  r = b.node("Reshape", Op::reshape, {right});
    left = b.node("Concat", Op::concat, {l, r});
    right = b.node("ScatterUpdate", Op::scatter_update, {r, l});
  }
  b.result(b.conv(left));
  b.result(b.conv(right));
  return std::move(b.graph);
}

// One value read by many branches, joined by one concat.
Graph fan(int size) {
  Builder b;
  const ValueId in = b.node("Parameter", Op::parameter, {});
  const ValueId x = b.node("Relu", Op::relu, {in});
  std::vector<ValueId> branches;
  for (int i = 0; i < size / 2; ++i) branches.push_back(b.node("Relu", Op::relu, {b.conv(x)}));
  b.result(b.conv(b.node("Concat", Op::concat, branches)));
  return std::move(b.graph);
}

// Branchings nested in agnostic ops, each with one float reader at the very end.
Graph nested_branches(int size) {
  Builder b;
  ValueId x = b.node("Parameter", Op::parameter, {});
  for (int i = 0; i < size / 3; ++i) {
    b.result(b.conv(x));
    x = b.node("Reshape", Op::reshape, {x});
  }
  b.result(b.node("Softmax", Op::softmax, {x}));
  return std::move(b.graph);
}

class Scaling : public testing::TestWithParam<std::pair<const char*, Graph (*)(int)>> {};

TEST_P(Scaling, TenAndFortyThousandNodes) {
  const auto make = GetParam().second;
  EXPECT_LT(seconds(make(10'000)), 0.5);
  EXPECT_LT(seconds(make(40'000)), 2.0);
}

TEST_P(Scaling, TransformersAndPostProcessingToo) {
  QuantizeOptions options;
  options.model_type = ModelType::transformer;
  options.target_device = TargetDevice::cpu_spr;
  options.advanced_parameters.quantizer_propagation_rule =
      QuantizerPropagationRule::merge_with_potential_requantization;
  EXPECT_LT(seconds(GetParam().second(10'000), options), 0.5);
}

TEST_P(Scaling, PlanIsTheSameEveryTime) {
  const Graph graph = GetParam().second(1'000);
  const std::string first = to_text(place(graph, {}), graph);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(to_text(place(graph, {}), graph), first);
}

INSTANTIATE_TEST_SUITE_P(Placement, Scaling,
                         testing::Values(std::pair{"chain", &chain}, std::pair{"ladder", &ladder},
                                         std::pair{"fan", &fan},
                                         std::pair{"nested", &nested_branches}),
                         [](const auto& info) { return info.param.first; });

}  // namespace
}  // namespace eightbit::placement
