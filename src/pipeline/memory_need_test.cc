#include "pipeline/memory_need.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eightbit {
namespace {

constexpr double kMega = 1e6;

NetworkSize small() { return {20 * kMega, 10 * kMega, 80 * kMega, 150, 0}; }

TEST(MemoryNeed, GrowsWithWhatRunsAtATimeAndIsLessUnderALimit) {
  const NetworkSize size = small();
  const QuantizeOptions options;
  for (bool limited : {false, true})
    for (int requests : {1, 2, 8}) {
      EXPECT_LT(calibration_bytes(size, requests, limited),
                calibration_bytes(size, requests + 1, limited));
      EXPECT_LE(calibration_bytes(size, requests, limited),
                quantization_bytes(size, requests, limited, options));
    }
  EXPECT_LT(quantization_bytes(size, 1, true, options),
            quantization_bytes(size, 1, false, options));
}

TEST(MemoryNeed, WhatIsLeftOutIsNotCounted) {
  const NetworkSize size = small();
  QuantizeOptions options = without_trial({});
  const double corrected = quantization_bytes(size, 1, false, options);
  options.advanced_parameters.disable_bias_correction = true;
  EXPECT_LT(corrected, quantization_bytes(size, 1, false, {}));
  EXPECT_LT(quantization_bytes(size, 1, false, options), corrected);
}

TEST(MemoryNeed, ATrialHoldsOutputsOfTwoModels) {
  NetworkSize size = small();
  size.outputs = 100 * kMega;
  for (bool limited : {false, true})
    EXPECT_GE(quantization_bytes(size, 1, limited, {}),
              quantization_bytes(small(), 1, limited, {}) + 2 * size.outputs);
  EXPECT_EQ(quantization_bytes(size, 1, false, without_trial({})),
            quantization_bytes(small(), 1, false, without_trial({})));
}

TEST(MemoryNeed, MomentsTakeAShareOfALimitAndWithoutOneAll) {
  EXPECT_EQ(moment_bytes(0), 0);
  EXPECT_EQ(moment_bytes(int64_t{1} << 30), int64_t{1} << 27);
  EXPECT_GT(moment_bytes(1), 0);
}

PassSpeed speed() { return {0.5, 0.01, 17, 300, 128}; }

double left(const PassSpeed& speed, const QuantizeOptions& options = {}) {
  return seconds_left(Work::quantization, speed, options);
}

TEST(ExpectedTime, GrowsWithSamplesAndTheirTime) {
  PassSpeed more = speed();
  more.total += 100;
  EXPECT_NEAR(left(more) - left(speed()), 1.0, 1e-9);
  PassSpeed slower = speed();
  slower.sample *= 2;
  EXPECT_GT(left(slower), left(speed()) + 283 * 0.01);
  EXPECT_GE(seconds_left(Work::calibration, speed(), {}), 283 * 0.01);
}

TEST(ExpectedTime, WhatIsLeftOutTakesNone) {
  EXPECT_LT(seconds_left(Work::calibration, speed(), {}), left(speed(), without_trial({})));
  EXPECT_LT(left(speed(), without_trial({})), left(speed()));
  QuantizeOptions options;
  options.advanced_parameters.disable_bias_correction = true;
  EXPECT_LT(left(speed(), options), left(speed()));
}

TEST(ExpectedTime, IsToldFromTheBeginningOfTheRun) {
  const RunOptions run;
  Steps steps(run);
  tell_time(Work::calibration, {}, steps)(speed());
  EXPECT_GE(steps.report().expected.seconds, seconds_left(Work::calibration, speed(), {}));
}

}  // namespace
}  // namespace eightbit
