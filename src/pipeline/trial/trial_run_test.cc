#include "pipeline/trial/trial_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/trial/quality_floor.h"

namespace eightbit {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

records::KeptSamples kept(int64_t count) {
  records::KeptSamples samples;
  for (int64_t k = 0; k < count; ++k)
    samples.add(10 * k,
                {{{"x", Tensor::from_floats(std::vector<float>{static_cast<float>(k)}, {1})}}, {}});
  return samples;
}

bool meet(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  return std::ranges::any_of(a, [&](int64_t x) { return std::ranges::find(b, x) != b.end(); });
}

TEST(SampleSplit, NoCorrectionSeesWhatIsTried) {
  for (int64_t count : {3, 4, 10, 12, 24, 32, 64, 128})
    for (int64_t wanted : {0, 16, 64}) {
      const SampleSplit split = split_samples(kept(count), wanted);
      EXPECT_TRUE(split.disjoint) << count;
      EXPECT_FALSE(meet(split.correction, split.trial)) << count << " " << wanted;
      EXPECT_FALSE(meet(split.correction, split.search)) << count << " " << wanted;
      EXPECT_FALSE(split.trial.empty()) << count << " " << wanted;
      EXPECT_LE(split.trial.size(), static_cast<size_t>(kTrialSamples));
      EXPECT_LE(split.search.size(), static_cast<size_t>(kSearchSamples));
    }
}

TEST(SampleSplit, CorrectionsGetWhatTheyAskForWhereThereIsEnough) {
  EXPECT_EQ(split_samples(kept(24), 16).correction.size(), 16u);
  EXPECT_EQ(split_samples(kept(32), 16).correction.size(), 16u);
  EXPECT_EQ(split_samples(kept(32), 16).search.size(), 16u);
  EXPECT_EQ(split_samples(kept(64), 16).search.size(), 32u);
  EXPECT_EQ(split_samples(kept(12), 16).correction.size(), 8u);  // a third is tried
}

TEST(SampleSplit, TooFewServeBoth) {
  for (int64_t count : {1, 2}) {
    const SampleSplit split = split_samples(kept(count), 16);
    EXPECT_FALSE(split.disjoint);
    EXPECT_EQ(split.correction, split.trial);
    EXPECT_EQ(split.trial.size(), static_cast<size_t>(count));
  }
  EXPECT_TRUE(split_samples(kept(0), 16).trial.empty());
}

TEST(Tried, TheFloorComesBeforeTheMean) {
  const auto with = [](double worst, double mean) {
    Tried tried;
    tried.sqnr_db = worst, tried.mean_db = mean;
    return tried;
  };
  EXPECT_TRUE(is_better(with(21, 25), with(18, 30), 20));
  EXPECT_FALSE(is_better(with(18, 30), with(21, 25), 20));
  EXPECT_TRUE(is_better(with(18, 30), with(21, 25), 0));  // there is none
  EXPECT_TRUE(is_better(with(15, 30), with(18, 25), 20));
  EXPECT_FALSE(is_better(with(20.1, 25), with(19.95, 25), 20, 0.2));  // by chance
  EXPECT_FALSE(is_better(with(22, 25.1), with(21, 25), 20, 0.2));
}

TEST(TrialRun, TellsItselfInALine) {
  TrialRun trial;
  trial.samples = 8;
  trial.sqnr_db = trial.sqnr_f32_db = 24.61;
  trial.outputs.push_back({"scores", 24.61, 24.61, kInfinite, 0.975});
  EXPECT_EQ(trial.summary(),
            "24.6 dB on 8 samples; largest element of 'scores' the same in 97.5 %");
  trial.milliseconds = 2, trial.float_milliseconds = 3, trial.float_f32_milliseconds = 5;
  EXPECT_THAT(trial.summary(),
              testing::EndsWith("; 1.50 times as fast as the float model by default"));
  EXPECT_THAT(trial.summary(false), testing::EndsWith(" %"));
  trial.precision = "bf16", trial.sqnr_db = 18, trial.float_sqnr_db = 19;
  EXPECT_THAT(
      trial.summary(),
      testing::StartsWith(
          "18.0 dB on 8 samples (24.6 dB with floats in f32; bf16 by itself leaves 19.0 dB)"));
  EXPECT_THAT(trial.summary(), testing::EndsWith(", 2.50 times as fast as it in f32"));
  trial.measured_db = 30;
  EXPECT_THAT(trial.summary(),
              testing::HasSubstr("; 30.0 dB where quantizers are computed in floats"));
}

TEST(QualityFloor, IsOffWhereSomebodyElsesDefaultsCount) {
  QuantizeOptions options;
  EXPECT_EQ(quality_floor(options), 20);
  options.recipe = Recipe::nncf;
  EXPECT_EQ(quality_floor(options), 0);
  options.min_sqnr_db = 15;
  EXPECT_EQ(quality_floor(options), 15);
  QuantizeOptions fp8;
  fp8.mode = QuantizationMode::fp8_e4m3;
  EXPECT_EQ(quality_floor(fp8), 0);
}

}  // namespace
}  // namespace eightbit
