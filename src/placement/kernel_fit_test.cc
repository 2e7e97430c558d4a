#include "kernels/kernel_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/text.h"
#include "kernels/hard_swish_blocks.h"
#include "kernels/kernel_faults.h"
#include "placement/placement.h"

namespace eightbit::placement {
namespace {

constexpr Kernels kOnlyClips{.layers_end_in_any_activation = false};

// Convolution, hard swish, depthwise convolution, hard swish, convolution.
constexpr const char* kNetwork = R"(
in = Parameter() : f32[1,3,8,8]
c1 = Convolution(in, const f32[4,3,1,1]) : f32[1,4,8,8]
h1 = HSwish/hswish(c1) : f32[1,4,8,8]
d = GroupConvolution/depthwise_convolution(h1, const f32[4,1,1,3,3]) : f32[1,4,8,8]
h2 = HSwish/hswish(d) : f32[1,4,8,8]
c2 = Convolution(h2, const f32[4,4,1,1]) : f32[1,4,8,8]
out = Result(c2)
)";

struct Planned {
  explicit Planned(const Kernels& kernels, const QuantizeOptions& options = {},
                   const char* network = kNetwork)
      : graph(parse_graph(network)) {
    plan = placement::place(graph, options, kernels);
    prepare_for_kernels(graph, kernels, plan);
    for (Quantizer& q : plan.quantizers) {
      const bool channels = !q.weight && !q.channel_axes.empty();
      q.low.assign(channels ? 4 : 1, -1.0f);
      q.high.assign(channels ? 4 : 1, 1.0f);
      if (channels) q.high = {0.1f, 1.0f, 10.0f, 40.0f};
      if (channels) q.low = {-0.1f, -0.5f, -3.0f, -3.0f};
      q.levels = 256;
    }
  }

  const Quantizer* at(const std::string& node) const {
    return quantizer_at(plan, {graph.find(node), 0});
  }

  Graph graph;
  Plan plan;
};

double zero_point(const Quantizer& q, size_t c) { return -q.low[c] / (q.high[c] - q.low[c]) * 255; }

TEST(KernelFit, FaultsOfKernelsForCpusAreNoneOfOtherDevices) {
  const KernelFaults faults{};
  const Kernels runtime{.faults = &faults};
  QuantizeOptions options;
  EXPECT_EQ(kernels_for(runtime, options).faults, &faults);
  options.recipe = Recipe::nncf;
  EXPECT_EQ(kernels_for(runtime, options).faults, &faults);
  options.target_device = TargetDevice::npu;
  EXPECT_EQ(kernels_for(runtime, options).faults, nullptr);
}

TEST(KernelFit, ChannelsAroundHardSwishDifferByOneFactorAndShareAZeroPoint) {
  Planned p(kOnlyClips);
  const Quantizer in = *p.at("h1"), out = *p.at("d");
  ASSERT_EQ(in.low.size(), 4u);
  fit_to_kernels(p.graph, kOnlyClips, p.plan);
  const Quantizer fitted_in = *p.at("h1"), fitted_out = *p.at("d");
  const auto in_factors = channel_factors(fitted_in), out_factors = channel_factors(fitted_out);
  for (size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(zero_point(fitted_in, c), std::round(zero_point(fitted_in, 0)), 1e-3);
    EXPECT_NEAR(zero_point(fitted_out, c), std::round(zero_point(fitted_out, 0)), 1e-3);
    EXPECT_NEAR(in_factors[c], out_factors[c], 1e-4f * in_factors[c]);
    EXPECT_NEAR(255 / in_factors[c], std::round(255 / in_factors[c]), 1e-3f)
        << "the gate's multiplier has 8 bits";
    for (const auto& [before, after] : {std::pair{in, fitted_in}, std::pair{out, fitted_out}}) {
      EXPECT_LE(after.low[c], before.low[c] + 1e-6f);
      EXPECT_GE(after.high[c], before.high[c] - 1e-6f);
    }
  }
  EXPECT_LT(fitted_in.high[0] - fitted_in.low[0], 0.05f * (fitted_in.high[3] - fitted_in.low[3]));
}

TEST(KernelFit, InFrontOfOtherLayersOneRangeIsEnough) {
  Planned p(kOnlyClips);
  fit_to_kernels(p.graph, kOnlyClips, p.plan);
  EXPECT_EQ(p.at("h2")->low, std::vector{-1.0f});
  EXPECT_EQ(p.at("h2")->high, std::vector{1.0f});
}

TEST(KernelFit, HardSwishBehindAFloatLayerHasNoQuantizer) {
  QuantizeOptions options;
  options.ignored_scope.names = {"c1"};
  Planned p(kOnlyClips, options);
  EXPECT_EQ(p.at("h1"), nullptr);
  EXPECT_NE(p.at("h2"), nullptr);
  const auto reason = std::ranges::find(p.plan.left_float, p.graph.find("h1"), &FloatReason::node);
  ASSERT_NE(reason, p.plan.left_float.end());
  EXPECT_EQ(reason->reason, "what it reads is computed in float");
}

// Swish behind a convolution, behind one that reads what Split moves, and behind a product.
constexpr const char* kSwishNetwork = R"(
in = Parameter() : f32[1,4,8,8]
c = Convolution(in, const f32[4,4,1,1]) : f32[1,4,8,8]
s = Swish/swish(c) : f32[1,4,8,8]
p = Split/split(s, const i64[]) : f32[1,2,8,8], f32[1,2,8,8] {axis=1}
c2 = Convolution(p, const f32[4,2,1,1]) : f32[1,4,8,8]
c3 = Convolution(p:1, const f32[4,2,1,1]) : f32[1,4,8,8]
s2 = Swish/swish(c2) : f32[1,4,8,8]
m = MatMul(s2, const f32[8,8]) : f32[1,4,8,8]
s3 = Swish/swish(m) : f32[1,4,8,8]
m2 = MatMul(s3, const f32[8,8]) : f32[1,4,8,8]
out = Result(m2)
out2 = Result(c3)
)";

TEST(KernelFit, SwishHasAQuantizerInFrontBehindConvolutionsAlone) {
  const Planned p(kOnlyClips, {}, kSwishNetwork);
  EXPECT_NE(p.at("p"), nullptr);
  EXPECT_EQ(p.at("c2"), nullptr);
  EXPECT_NE(p.at("s"), nullptr);
  EXPECT_NE(p.at("s2"), nullptr);
  EXPECT_EQ(p.at("s3"), nullptr);
  const auto blocks = hard_swish_blocks(p.graph, p.plan);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[1].layer, p.graph.find("c2"));
}

TEST(KernelFit, KernelsThatCanDoAllLeaveThePlanAlone) {
  Planned p(Kernels{});
  EXPECT_EQ(p.at("h1"), nullptr);
  const std::string before = to_text(p.plan, p.graph);
  fit_to_kernels(p.graph, {}, p.plan);
  EXPECT_EQ(to_text(p.plan, p.graph), before);
}

}  // namespace
}  // namespace eightbit::placement
