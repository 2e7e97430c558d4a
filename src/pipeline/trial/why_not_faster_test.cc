#include "pipeline/trial/why_not_faster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eightbit {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::vector<backends::LayerPrecision> kExecuted = {{"a", "Convolution", "u8", 0.4, {}},
                                                         {"b", "Reorder", "f32", 0.2, {}},
                                                         {"c", "Softmax", "f32", 0.4, {}}};

TrialRun slow() {
  TrialRun trial;
  trial.milliseconds = 1;
  trial.float_milliseconds = 0.8;
  trial.float_f32_milliseconds = 1.6;
  return trial;
}

TEST(WhyNotFaster, TellsWhereTheTimeGoes) {
  EXPECT_THAT(
      why_not_faster(slow(), kExecuted, true, PlacementMode::rules),
      AllOf(HasSubstr("40 % of the time goes into layers in floats (Softmax 40 %)"),
            HasSubstr("20 % of the time goes into conversions"), HasSubstr("placement 'measured'"),
            Not(HasSubstr("VNNI")), Not(HasSubstr("small")), Not(HasSubstr("bf16"))));
}

TEST(WhyNotFaster, TellsOfTheProcessorAndOfFloatsInFewerBits) {
  TrialRun trial = slow();
  trial.precision = "bf16";
  EXPECT_THAT(why_not_faster(trial, kExecuted, false, PlacementMode::measured),
              AllOf(HasSubstr("VNNI"), HasSubstr("the float model runs in bf16"),
                    Not(HasSubstr("placement"))));
}

TEST(WhyNotFaster, TellsOfSmallLayersAndOfLayersThatAreSlowerByThemselves) {
  EXPECT_THAT(
      why_not_faster(slow(), {{"a", "Convolution", "u8", 0.01, {}}}, true, PlacementMode::rules),
      HasSubstr("are small, 0.010 ms each"));
  EXPECT_THAT(
      why_not_faster(slow(), {{"a", "Convolution", "u8", 1, {}}}, true, PlacementMode::rules),
      HasSubstr("single layers take longer"));
  EXPECT_THAT(
      why_not_faster(slow(), {{"a", "Convolution", "f32", 1, {}}}, true, PlacementMode::rules),
      HasSubstr("no layer runs in 8 bits"));
}

TEST(WhyNotFaster, WhatIsFasterNeedsNoReason) {
  TrialRun trial = slow();
  EXPECT_TRUE(is_not_faster(trial));
  trial.milliseconds = 0.4;
  EXPECT_FALSE(is_not_faster(trial));
  trial.milliseconds = 0;
  EXPECT_FALSE(is_not_faster(trial)) << "it was not timed";
}

}  // namespace
}  // namespace eightbit
