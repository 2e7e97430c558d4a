#include "kernels/kernel_faults.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "graph/text.h"

namespace eightbit {
namespace {

struct Shapes {
  int groups, inputs;  // the latter of a group
  const char* kernel;  // "3,3"
  int outputs = 8;     // of a group
};

Graph convolution_of(const Shapes& of) {
  const bool plane = std::string_view(of.kernel).find(',') != std::string_view::npos;
  const std::string type = of.groups > 1 ? "GroupConvolution/group_convolution" : "Convolution";
  const std::string weight =
      of.groups > 1 ? fmt::format("{},{},{},{}", of.groups, of.outputs, of.inputs, of.kernel)
                    : fmt::format("{},{},{}", of.outputs, of.inputs, of.kernel);
  return parse_graph(fmt::format(R"(
in = Parameter() : f32[1,{0}{1}]
conv = {2}(in, const f32[{3}]) : f32[1,{4}{1}]
out = Result(conv)
)",
                                 of.groups * of.inputs, plane ? ",?,?" : ",?", type, weight,
                                 of.outputs * of.groups));
}

bool stays_in_float(const Shapes& of) {
  const Graph graph = convolution_of(of);
  return kOpenVinoFaults.of_layer(graph, graph.node(graph.find("conv"))).has_value();
}

TEST(KernelFaults, FewInputsAtManyPositionsInRowsOfWholeTiles) {
  for (const Shapes& faulty : {Shapes{4, 16, "8"},
                               {4, 16, "12"},
                               {4, 8, "16"},
                               {4, 4, "32"},
                               {1, 16, "8"},
                               {1, 8, "16"},
                               {1, 24, "8"},
                               {1, 16, "8,8"}})
    EXPECT_TRUE(stays_in_float(faulty))
        << faulty.groups << " " << faulty.inputs << " " << faulty.kernel;
  for (const Shapes& right : {Shapes{4, 16, "4"},
                              {4, 16, "10"},
                              {4, 32, "8"},
                              {4, 16, "3"},
                              {1, 4, "32"},
                              {1, 1, "256"},
                              {1, 3, "64"},
                              {1, 16, "3,3"}})
    EXPECT_FALSE(stays_in_float(right))
        << right.groups << " " << right.inputs << " " << right.kernel;
}

TEST(KernelFaults, GroupsOfOnePositionWithARestOfATile) {
  for (int inputs : {72, 80, 96, 160}) {
    EXPECT_TRUE(stays_in_float({2, inputs, "1,1"})) << inputs;
    EXPECT_TRUE(stays_in_float({4, inputs, "1"})) << inputs;
    EXPECT_FALSE(stays_in_float({1, inputs, "1,1"})) << inputs;
    EXPECT_FALSE(stays_in_float({2, inputs, "3,3"})) << inputs;
  }
  for (int inputs : {16, 48, 64, 128, 192})
    EXPECT_FALSE(stays_in_float({2, inputs, "1,1"})) << inputs;
}

TEST(KernelFaults, ManyOutputsOfOneInput) {
  EXPECT_TRUE(stays_in_float({4, 1, "1,8", 24}));
  EXPECT_FALSE(stays_in_float({4, 1, "1,8", 4}));
  EXPECT_FALSE(stays_in_float({4, 1, "3,3", 1}));
  EXPECT_FALSE(stays_in_float({1, 1, "3,3", 24}));
}

TEST(KernelFaults, DilatedTransposedConvolutions) {
  const auto stays = [](const char* attributes) {
    const Graph graph = parse_graph(fmt::format(R"(
in = Parameter() : f32[1,3,?,?]
conv = ConvolutionBackpropData/convolution_backprop(in, const f32[3,8,3,3]) : f32[1,8,?,?] {{{}}}
out = Result(conv)
)",
                                                attributes));
    return kOpenVinoFaults.of_layer(graph, graph.node(graph.find("conv"))).has_value();
  };
  EXPECT_TRUE(stays("strides=2,2 dilations=2,2"));
  EXPECT_FALSE(stays("strides=2,2 dilations=1,1"));
}

TEST(KernelFaults, GroupsTakeNoZeroPointUnlessTheyAreDepthwise) {
  const auto mode_of = [](const Shapes& of, const Kernels& kernels) {
    const Graph graph = convolution_of(of);
    Plan plan;
    Quantizer& q = plan.quantizers.emplace_back();
    q.spec.mode = QuantizationScheme::asymmetric;
    q.uses = {{graph.find("conv"), 0}};
    leave_zero_points_out(graph, kernels, plan);
    return plan.quantizers[0].spec.mode;
  };
  constexpr auto kSymmetric = QuantizationScheme::symmetric,
                 kAsymmetric = QuantizationScheme::asymmetric;
  const Kernels kernels{.faults = &kOpenVinoFaults};
  EXPECT_EQ(mode_of({4, 24, "3,3"}, kernels), kSymmetric);
  EXPECT_EQ(mode_of({4, 1, "3,3", 2}, kernels), kSymmetric);
  EXPECT_EQ(mode_of({4, 24, "3,3"}, {}), kAsymmetric);
  EXPECT_EQ(mode_of({4, 1, "3,3", 1}, kernels), kAsymmetric);
  EXPECT_EQ(mode_of({1, 24, "3,3"}, kernels), kAsymmetric);
}

}  // namespace
}  // namespace eightbit
