#include "analysis/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace eightbit {
namespace {

using testing::HasSubstr;

InputQuantizer rounding_input() {
  InputQuantizer input;
  input.value = "x";
  input.low = -1;
  input.high = 1;
  input.levels = 256;
  input.min = -1;
  input.max = 1;
  input.rounding_error = 1e-3;
  input.clipping_error = 1e-5;
  input.unclipped_error = 2e-3;
  return input;
}

LayerReport layer(const char* name, double alone, double weights,
                  InputQuantizer input = rounding_input()) {
  LayerReport out;
  out.name = name;
  out.type = "Convolution";
  out.quantized = true;
  out.alone_db = alone;
  out.weights_alone_db = weights;
  out.inputs = {std::move(input)};
  return out;
}

LayerReport diagnosed(LayerReport one) {
  ModelReport report;
  report.layers = {std::move(one)};
  diagnose(report);
  return report.layers[0];
}

TEST(Diagnosis, GoodLayersHaveNoCause) {
  EXPECT_EQ(diagnosed(layer("a", 40.5, 41)).cause, Cause::none);
  EXPECT_EQ(diagnosed(layer("a", std::numeric_limits<double>::infinity(), 41)).cause, Cause::none);
}

TEST(Diagnosis, WeightsThatMakeHalfOfTheNoise) {
  EXPECT_EQ(diagnosed(layer("a", 20, 22.9)).cause, Cause::weight);
  EXPECT_EQ(diagnosed(layer("a", 20, 23.1)).cause, Cause::rounding);
}

TEST(Diagnosis, AConstantNoiseIsABiasShift) {
  LayerReport shifted = layer("a", 20, 20);
  shifted.bias_shift = 0.6;
  const LayerReport out = diagnosed(shifted);
  EXPECT_EQ(out.cause, Cause::bias_shift);
  EXPECT_EQ(out.fix.python, "fast_bias_correction=False");
}

TEST(Diagnosis, ClippingAsksForAWiderRangeOnlyWhereThatErrsLess) {
  InputQuantizer input = rounding_input();
  input.clipping_error = 1e-2;
  input.clipped = 0.02;
  LayerReport out = diagnosed(layer("a", 20, 40, input));
  EXPECT_EQ(out.cause, Cause::clipping);
  EXPECT_THAT(out.why, HasSubstr("2 % of 'x' lie outside of [-1, 1]"));
  EXPECT_THAT(out.fix.python, HasSubstr("MINMAX"));
  input.unclipped_error = 1;
  out = diagnosed(layer("a", 20, 40, input));
  EXPECT_THAT(out.fix.python, HasSubstr("ignored_scope"));
}

TEST(Diagnosis, AWideChannel) {
  InputQuantizer input = rounding_input();
  input.channel_gain = 30;
  input.widest_channel = 7;
  input.channels = 16;
  LayerReport product = layer("a", 20, 40, input);
  product.type = "MatMul";
  LayerReport out = diagnosed(product);
  EXPECT_EQ(out.cause, Cause::outlier_channel);
  EXPECT_THAT(out.why, HasSubstr("channel 7 of 16 of 'x'"));
  EXPECT_EQ(out.fix.flags, "--model-type transformer");
  EXPECT_THAT(diagnosed(layer("a", 20, 40, input)).fix.flags, HasSubstr("channel-alignment"));
}

TEST(Diagnosis, LopsidedValuesAskForAsymmetricRanges) {
  InputQuantizer input = rounding_input();
  input.min = 0;
  input.asymmetric_gain = 4;
  EXPECT_EQ(diagnosed(layer("a", 20, 40, input)).fix.python,
            "preset=eightbit.QuantizationPreset.MIXED");
}

TEST(Diagnosis, NamesAreQuotedForPythonAndTheShell) {
  const LayerReport out = diagnosed(layer("it's \"a\"", 20, 40));
  EXPECT_EQ(out.leave_out.python, R"(ignored_scope=eightbit.IgnoredScope(names=["it's \"a\""]))");
  EXPECT_EQ(out.leave_out.flags, R"(--ignored-names 'it'\''s "a"')");
}

TEST(Diagnosis, WorstLayersComeFirstAndWeakOnesAreProposedTogether) {
  ModelReport report;
  for (int i = 0; i < 20; ++i)
    report.layers.push_back(layer(("l" + std::to_string(i)).c_str(),
                                  i == 3   ? 10
                                  : i == 5 ? 12
                                           : 35,
                                  60));
  LayerReport unmeasured;
  unmeasured.name = "branch";
  unmeasured.accumulated_db = 1;
  report.layers.insert(report.layers.begin(), unmeasured);
  diagnose(report);
  EXPECT_EQ(report.layers[0].name, "l3");
  EXPECT_EQ(report.layers[1].name, "l5");
  EXPECT_EQ(report.layers.back().name, "branch");
  ASSERT_EQ(report.fixes.size(), 1u);
  EXPECT_EQ(report.fixes[0].flags, "--ignored-names 'l3' --ignored-names 'l5'");
}

TEST(Diagnosis, ABrokenFloatModelIsNotBlamedOnQuantization) {
  ModelReport report;
  report.layers = {layer("a", 5, 60)};
  report.float_check.problems = {"output is one number"};
  diagnose(report);
  EXPECT_TRUE(report.fixes.empty());
  EXPECT_THAT(report.notes.at(0), HasSubstr("float model itself"));
}

}  // namespace
}  // namespace eightbit
