#include "algorithms/smooth_quant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/test_network.h"
#include "graph/text.h"
#include "placement/placement.h"
#include "quant/channels.h"
#include "quant/fake_quantize.h"

namespace eightbit::algorithms {
namespace {

constexpr int64_t kInputs = 16, kOutputs = 12;

// Products that read one value, in which some channels are much larger than others.
struct Network {
  Graph graph;
  Plan plan;
  ValueId input;
  std::vector<std::vector<float>> weights;
  std::vector<float> largest;  // |x| by channel

  explicit Network(int products, float outlier = 40) {
    Random random(11);
    input = add_input(graph, {1, 8, kInputs});
    for (int64_t k = 0; k < kInputs; ++k)
      largest.push_back(random.real(0.5f, 1.5f) * (k % 5 == 0 ? outlier : 1));
    for (int i = 0; i < products; ++i) {
      weights.push_back(random.normal(kInputs * kOutputs, 0.1f * static_cast<float>(i + 1)));
      const ValueId weight =
          add_weight(graph, "w" + std::to_string(i), weights.back(), {kInputs, kOutputs});
      add_layer(graph, "product" + std::to_string(i), Op::mat_mul, input, weight, {1, 8, kOutputs});
      const NodeId node = static_cast<NodeId>(graph.nodes.size()) - 1;
      plan.quantizers.push_back(quantizer_of(input, {node, 0}, {}, false));
      plan.quantizers.push_back(
          quantizer_of(weight, {node, 1}, {.per_channel = true, .narrow_range = true}, true, {1}));
    }
  }

  void smooth(const QuantizeOptions& options) {
    records::TapRequest taps(graph);
    smooth_quant_request(graph, plan, options, taps);
    Left left;
    for (float x : largest) {
      left.min.push_back(-x);
      left.max.push_back(x);
      left.mean.push_back(0);
      left.mean_square.push_back(x * x / 3);  // uniform
    }
    smooth_quant(graph, statistics_of(taps, {left}), options, plan);
  }

  std::vector<float> weight(int i) const {
    const NodeId node = i + 1;
    return to_floats(weight_of(graph, plan, graph.node(node).inputs[1], {node, 1}));
  }
};

QuantizeOptions options_for(Recipe recipe, std::optional<double> alpha = {}) {
  QuantizeOptions options;
  options.recipe = recipe;
  options.model_type = ModelType::transformer;
  options.advanced_parameters.smooth_quant_alphas.matmul = alpha;
  return options;
}

// Every W' is W divided by the factor, so that the products stay what they were.
void expect_same_products(const Network& network) {
  ASSERT_EQ(network.plan.scales.size(), 1u);
  const auto& factor = network.plan.scales[0].factor;
  for (int i = 0; i < static_cast<int>(network.weights.size()); ++i) {
    const auto now = network.weight(i);
    for (size_t at = 0; at < now.size(); ++at)
      ASSERT_NEAR(now[at] * factor[at / kOutputs], network.weights[static_cast<size_t>(i)][at],
                  1e-6);
  }
}

float largest_weight(const std::vector<float>& weight, int64_t input) {
  float largest = 0;
  for (int64_t n = 0; n < kOutputs; ++n)
    largest = std::max(largest, std::fabs(weight[static_cast<size_t>(input * kOutputs + n)]));
  return largest;
}

// Mean squared error of x W when both are rounded to 8 bits, for uniform x.
double simulated_error(const Network& network, int product) {
  Random random(2);
  const auto w = network.weight(product);
  std::vector<float> rounded = w, factor(kInputs, 1.0f);
  if (!network.plan.scales.empty()) factor = network.plan.scales[0].factor;
  const auto range = symmetric_range(std::vector<float>(kOutputs, -1),
                                     extremes(w, {kInputs, kOutputs}, {1}).abs_max, 8, true, true);
  for (size_t i = 0; i < rounded.size(); ++i)
    rounded[i] =
        fake_quantize(rounded[i], range.low[i % kOutputs], range.high[i % kOutputs], range.levels);
  float high = 0;
  for (size_t k = 0; k < kInputs; ++k) high = std::max(high, network.largest[k] * factor[k]);
  double sum = 0;
  for (int sample = 0; sample < 200; ++sample) {
    std::vector<float> exact(kOutputs), coarse(kOutputs);
    for (size_t k = 0; k < kInputs; ++k) {
      const float x = random.real(-network.largest[k], network.largest[k]) * factor[k];
      const float q = fake_quantize(x, -high * 128 / 127, high, 256);
      for (size_t n = 0; n < kOutputs; ++n)
        exact[n] += x * w[k * kOutputs + n], coarse[n] += q * rounded[k * kOutputs + n];
    }
    for (size_t n = 0; n < kOutputs; ++n) sum += std::pow(exact[n] - coarse[n], 2);
  }
  return sum;
}

TEST(SmoothQuant, RecipeNncfFollowsTheFormula) {
  Network network(1);
  network.smooth(options_for(Recipe::nncf));
  expect_same_products(network);
  std::vector<double> s;
  for (int64_t k = 0; k < kInputs; ++k)
    s.push_back(std::pow(network.largest[static_cast<size_t>(k)], 0.95) /
                std::pow(largest_weight(network.weights[0], k), 0.05));
  std::vector<double> sorted = s;
  std::ranges::sort(sorted);
  const double at = 0.1 * (kInputs - 1), low = sorted[1] + (at - 1) * (sorted[2] - sorted[1]);
  for (size_t k = 0; k < kInputs; ++k)
    EXPECT_NEAR(network.plan.scales[0].factor[k], 1 / std::clamp(s[k], low, 100.0), 1e-5);
}

TEST(SmoothQuant, ProductsOfOneValueShareAScale) {
  Network network(3);
  network.smooth(options_for(Recipe::nncf));
  expect_same_products(network);
  EXPECT_EQ(network.plan.scales[0].uses.size(), 3u);
}

TEST(SmoothQuant, ChosenAlphaLowersTheRealError) {
  Network plain(2), smoothed(2);
  smoothed.smooth(options_for(Recipe::eightbit));
  expect_same_products(smoothed);
  for (int i = 0; i < 2; ++i)
    EXPECT_LT(simulated_error(smoothed, i), 0.5 * simulated_error(plain, i));
}

TEST(SmoothQuant, ChosenAlphaIsNotFarFromTheBest) {
  Network chosen(1);
  chosen.smooth(options_for(Recipe::eightbit));
  double best = simulated_error(Network(1), 0);
  for (double alpha = 0.1; alpha < 1; alpha += 0.05) {
    Network fixed(1);
    fixed.smooth(options_for(Recipe::eightbit, alpha));
    best = std::min(best, simulated_error(fixed, 0));
  }
  EXPECT_LT(simulated_error(chosen, 0), 1.5 * best);
}

TEST(SmoothQuant, NegativeAlphaTurnsItOff) {
  QuantizeOptions options = options_for(Recipe::eightbit, -1.0);
  EXPECT_TRUE(smooth_quant_applies(options));  // convolutions
  options.advanced_parameters.smooth_quant_alphas.convolution = -1.0;
  EXPECT_FALSE(smooth_quant_applies(options));
  options.advanced_parameters.smooth_quant_alphas.matmul = 0.5;
  EXPECT_TRUE(smooth_quant_applies(options));
  options.model_type.reset();
  EXPECT_FALSE(smooth_quant_applies(options));
}

// A convolution whose input has channels of very different reach, and may have another reader, in
// float.
Plan smoothed_convolution(const QuantizeOptions& options, bool other_reader = false,
                          Op activation = Op::swish) {
  Random random(5);
  Graph graph;
  Plan plan;
  const Shape shape{1, 8, 16, 16};
  const ValueId input = graph.add_output(
      graph.add_node("act", "act", activation, {add_input(graph, shape)}), DType::f32, shape);
  const auto convolution = [&](const std::string& name) {
    const ValueId weight =
        add_weight(graph, name + ".weight", random.normal(12 * 8 * 9, 0.1f), {12, 8, 3, 3});
    add_layer(graph, name, Op::convolution, input, weight, {1, 12, 14, 14});
    return weight;
  };
  const ValueId weight = convolution("a");
  const auto node = static_cast<NodeId>(graph.nodes.size()) - 1;
  plan.quantizers.push_back(quantizer_of(input, {node, 0}, {}, false));
  plan.quantizers.push_back(
      quantizer_of(weight, {node, 1}, {.per_channel = true, .narrow_range = true}, true, {0}));
  if (other_reader) convolution("b");
  records::TapRequest taps(graph);
  smooth_quant_request(graph, plan, options, taps);
  Left left;
  for (int c = 0; c < 8; ++c) {
    const float reach = std::exp2(static_cast<float>(c));
    left.min.push_back(-0.3f), left.max.push_back(reach);
    left.mean.push_back(0), left.mean_square.push_back(reach * reach / 3);
  }
  smooth_quant(graph, statistics_of(taps, {left}), options, plan);
  return plan;
}

QuantizeOptions for_any_network() {
  QuantizeOptions options;
  options.preset = Preset::mixed;
  return options;
}

TEST(SmoothQuant, ConvolutionsBehindSwishThatAreAloneWithTheirInputAreSmoothedInAnyNetwork) {
  const Plan plan = smoothed_convolution(for_any_network());
  ASSERT_EQ(plan.scales.size(), 1u);
  EXPECT_GT(plan.scales[0].factor.front(), 4 * plan.scales[0].factor.back());
  EXPECT_TRUE(smoothed_convolution(for_any_network(), true).scales.empty());
  for (const OpRow& row : op_table())
    if (has(row.op, kActivation | kSelfGated)) {
      EXPECT_EQ(smoothed_convolution(for_any_network(), false, row.op).scales.size(),
                has(row.op, kSelfGated) ? 1u : 0u)
          << row.name;
    }
}

TEST(SmoothQuant, ConvolutionsAreLeftWhereTheyAreTurnedOffAndByRecipeNncf) {
  QuantizeOptions options = for_any_network();
  options.advanced_parameters.smooth_quant_alphas.convolution = -1.0;
  EXPECT_TRUE(smoothed_convolution(options).scales.empty());
  options = for_any_network();
  options.recipe = Recipe::nncf;
  EXPECT_TRUE(smoothed_convolution(options).scales.empty());
}

// One quantizer serves two products, of which one is scaled.
TEST(SmoothQuant, WhoReadsTheValueUnscaledKeepsARangeOfItsOwn) {
  Network network(2);
  const Use other = network.plan.quantizers[2].uses[0];
  network.plan.quantizers[0].uses.push_back(other);
  network.plan.quantizers.erase(network.plan.quantizers.begin() + 2);
  network.plan.quantizers.pop_back();  // the weight of the other one stays in float
  network.smooth(options_for(Recipe::eightbit));
  ASSERT_EQ(network.plan.scales.size(), 1u);
  const Quantizer* scaled = quantizer_at(network.plan, network.plan.scales[0].uses[0]);
  EXPECT_EQ(scaled->uses, network.plan.scales[0].uses);
  EXPECT_EQ(quantizer_at(network.plan, other)->uses, std::vector<Use>{other});
}

TEST(SmoothQuant, FloatProductsAreLeft) {
  Network network(1);
  network.plan.quantizers.clear();
  network.smooth(options_for(Recipe::nncf));
  EXPECT_TRUE(network.plan.scales.empty());
}

// Quantizers of activations behind Concat, by what they are on and how many read them.
std::vector<std::string> prepared(const std::string& behind) {
  const Graph graph = parse_graph(R"(
in = Parameter() : f32[1,8,16]
a = MatMul(in, const f32[16,16]) : f32[1,8,16]
b = MatMul(in, const f32[16,16]) : f32[1,8,16]
g = Gelu/gelu(a) : f32[1,8,16]
h = Gelu/gelu(b) : f32[1,8,16]
c = Concat(g, h) : f32[1,8,32] {axis=2}
)" + behind);
  const QuantizeOptions options = options_for(Recipe::nncf);
  Plan plan = placement::place(graph, options);
  smooth_quant_prepare(graph, options, plan);
  std::vector<std::string> out;
  for (const Quantizer& q : plan.quantizers)
    if (!q.weight && graph.value(q.value).name != "in")
      out.push_back(graph.value(q.value).name + " " + std::to_string(q.uses.size()));
  return out;
}

TEST(SmoothQuant, QuantizersStandBehindAConcatThatProductsAloneRead) {
  using Found = std::vector<std::string>;
  const std::string product = "m = MatMul(c, const f32[32,24]) : f32[1,8,24]\n";
  EXPECT_EQ(prepared(product + "out = Result(m)\n"), (Found{"c 1"}));
  EXPECT_EQ(prepared(product + "n = MatMul(c, const f32[32,24]) : f32[1,8,24]\n"
                               "out = Result(m)\nout2 = Result(n)\n"),
            (Found{"c 2"}));
  EXPECT_EQ(prepared("r = Reshape/reshape(c, const i64[3]) : f32[1,8,32]\n"
                     "m = MatMul(r, const f32[32,24]) : f32[1,8,24]\nout = Result(m)\n"),
            (Found{"r 1"}));
  EXPECT_EQ(prepared(product + "n = MatMul(c, in) : f32[1,8,16]\n"
                               "out = Result(m)\nout2 = Result(n)\n"),
            (Found{"g 1", "h 1"}));
}

}  // namespace
}  // namespace eightbit::algorithms
