#include "config/effects.h"

#include <eightbit/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace eightbit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Options that are refused begin with '!'.
std::vector<std::string> names(const std::vector<NoEffect>& found) {
  std::vector<std::string> out;
  for (const NoEffect& option : found)
    out.push_back((option.contradicts ? "!" : "") + option.option);
  return out;
}

using Change = std::function<void(QuantizeOptions&, AdvancedParameters&)>;

QuantizeOptions options_with(const Change& change) {
  QuantizeOptions options;
  change(options, options.advanced_parameters);
  return options;
}
std::vector<std::string> of_options(const Change& change) {
  return names(without_effect(options_with(change)));
}
std::vector<std::string> of_facts(const Change& change, const RunFacts& facts) {
  return names(without_effect(options_with(change), facts));
}

QuantizationParameters scheme(QuantizationScheme mode) {
  QuantizationParameters p;
  p.mode = mode;
  return p;
}

TEST(WithoutEffect, DefaultsAndWhatHappensAnywayAreNotNamed) {
  EXPECT_THAT(of_options([](auto&, auto&) {}), IsEmpty());
  EXPECT_THAT(of_options([](auto&, auto& a) { a.smooth_quant_alphas.matmul = -1; }), IsEmpty());
  EXPECT_THAT(of_options([](auto&, auto& a) { a.batchwise_statistics = true; }), IsEmpty());
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                o.target_device = TargetDevice::gpu;
                a.overflow_fix = OverflowFix::disable;
              }),
              IsEmpty());
}

TEST(WithoutEffect, SmoothQuantNeedsATransformer) {
  EXPECT_THAT(of_options([](auto&, auto& a) { a.smooth_quant_alphas.matmul = 0.5; }),
              ElementsAre("smooth_quant_alphas.matmul"));
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                o.recipe = Recipe::nncf;
                a.smooth_quant_alphas.convolution = 0.5;
              }),
              ElementsAre("!smooth_quant_alphas.convolution"));
  EXPECT_THAT(of_options([](auto&, auto& a) { a.smooth_quant_alphas.convolution = 0.5; }),
              IsEmpty());
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                o.model_type = ModelType::transformer;
                a.smooth_quant_alphas.matmul = 0.5;
              }),
              IsEmpty());
}

TEST(WithoutEffect, BiasCorrection) {
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                a.disable_bias_correction = true;
                o.fast_bias_correction = false;
              }),
              ElementsAre("!fast_bias_correction"));
  EXPECT_THAT(of_options([](auto&, auto& a) {
                a.disable_bias_correction = true;
                a.bias_correction_params.apply_for_all_nodes = true;
              }),
              ElementsAre("!bias_correction_params.apply_for_all_nodes"));
  EXPECT_THAT(of_options([](auto&, auto& a) { a.bias_correction_params.threshold = 2; }),
              ElementsAre("!bias_correction_params.threshold"));
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                o.recipe = Recipe::nncf;
                a.bias_correction_params.threshold = 2;
              }),
              IsEmpty());
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                o.recipe = Recipe::nncf;
                o.fast_bias_correction = false;
                a.bias_correction_params.threshold = 2;
              }),
              ElementsAre("bias_correction_params.threshold"));
  for (Recipe recipe : {Recipe::eightbit, Recipe::nncf})
    EXPECT_THAT(of_options([&](auto& o, auto& a) {
                  o.recipe = recipe;
                  a.bias_correction_params.apply_for_all_nodes = true;
                }),
                ElementsAre("bias_correction_params.apply_for_all_nodes"));
}

TEST(WithoutEffect, PresetBesideAScheme) {
  const auto with = [](Preset preset, QuantizationScheme mode) {
    return of_options([&](auto& o, auto& a) {
      o.preset = preset;
      a.activations_quantization_params = scheme(mode);
    });
  };
  EXPECT_THAT(with(Preset::mixed, QuantizationScheme::symmetric), ElementsAre("!preset"));
  EXPECT_THAT(with(Preset::performance, QuantizationScheme::asymmetric), ElementsAre("!preset"));
  EXPECT_THAT(with(Preset::mixed, QuantizationScheme::asymmetric), IsEmpty());
}

TEST(WithoutEffect, Fp8) {
  EXPECT_THAT(of_options([](auto&, auto& a) { a.weights_fp8_params.emplace(); }),
              ElementsAre("!weights_fp8_params"));
  EXPECT_THAT(of_options([](auto&, auto& a) { a.activations_fp8_params.emplace(); }),
              ElementsAre("!activations_fp8_params"));
  EXPECT_THAT(
      of_options([](auto& o, auto& a) {
        o.mode = QuantizationMode::fp8_e4m3;
        a.weights_fp8_params.emplace();
        a.compress_weights = false;
        a.activations_range_estimator_params.min.aggregator_type = AggregatorType::histogram;
        a.activations_range_estimator_params.max.aggregator_type = AggregatorType::histogram;
      }),
      ElementsAre("compress_weights", "!activations_range_estimator_params"));
}

TEST(WithoutEffect, OverflowFixAndTheTarget) {
  const auto on = [](TargetDevice device) {
    return of_options([&](auto& o, auto& a) {
      o.target_device = device;
      a.overflow_fix = OverflowFix::enable;
    });
  };
  EXPECT_THAT(on(TargetDevice::cpu), IsEmpty());
  for (TargetDevice device : {TargetDevice::gpu, TargetDevice::npu, TargetDevice::cpu_spr})
    EXPECT_THAT(on(device), ElementsAre("overflow_fix"));
  EXPECT_THAT(of_options([](auto&, auto& a) {
                a.overflow_fix = OverflowFix::enable;
                a.weights_quantization_params.emplace().num_bits = 4;
              }),
              ElementsAre("!overflow_fix"));
}

TEST(WithoutEffect, MeasuredPlacementTimesIntegersOnThisProcessor) {
  const auto measured = [](const Change& change) {
    return of_options([&](auto& o, auto& a) {
      o.placement = PlacementMode::measured;
      change(o, a);
    });
  };
  EXPECT_THAT(measured([](auto&, auto&) {}), IsEmpty());
  EXPECT_THAT(measured([](auto& o, auto&) { o.target_device = TargetDevice::cpu; }), IsEmpty());
  EXPECT_THAT(measured([](auto& o, auto&) { o.target_device = TargetDevice::gpu; }),
              ElementsAre("!placement"));
  EXPECT_THAT(measured([](auto& o, auto&) { o.trial_run = false; }), ElementsAre("!placement"));
  EXPECT_THAT(measured([](auto& o, auto&) { o.mode = QuantizationMode::fp8_e4m3; }),
              ElementsAre("!placement"));
}

TEST(WithoutEffect, RangeEstimators) {
  EXPECT_THAT(of_options([](auto&, auto& a) {
                a.activations_range_estimator_params.min.quantile_outlier_prob = 0.01;
              }),
              ElementsAre("!activations_range_estimator_params.min.quantile_outlier_prob"));
  EXPECT_THAT(of_options([](auto&, auto& a) {
                a.activations_range_estimator_params.min.quantile_outlier_prob = 0.01;
                a.activations_range_estimator_params.min.aggregator_type =
                    AggregatorType::mean_no_outliers;
                a.activations_range_estimator_params.max.quantile_outlier_prob = 0.01;
                a.activations_range_estimator_params.max.statistics_type = StatisticsType::quantile;
              }),
              IsEmpty());
  EXPECT_THAT(of_options([](auto&, auto& a) {
                for (auto* end : {&a.activations_range_estimator_params.min,
                                  &a.activations_range_estimator_params.max}) {
                  end->aggregator_type = AggregatorType::histogram;
                  end->statistics_type = StatisticsType::min;
                }
              }),
              ElementsAre("!activations_range_estimator_params.min.statistics_type",
                          "!activations_range_estimator_params.max.statistics_type"));
  EXPECT_THAT(of_options([](auto&, auto& a) {
                a.weights_range_estimator_params.max.aggregator_type = AggregatorType::median;
              }),
              ElementsAre("weights_range_estimator_params.max.aggregator_type"));
}

TEST(WithoutEffect, MootOnes) {
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                a.inplace_statistics = false;
                a.batchwise_statistics = false;
                o.ignored_scope.validate = false;
              }),
              ElementsAre("inplace_statistics", "batchwise_statistics", "ignored_scope.validate"));
  EXPECT_THAT(of_options([](auto& o, auto& a) {
                o.recipe = Recipe::nncf;
                a.batchwise_statistics = false;
              }),
              IsEmpty());
}

TEST(WithoutEffect, OfAModel) {
  RunFacts bare;
  bare.weights = bare.activations = bare.overflowing_weights = bare.outputs = bare.branches = false;
  bare.convolution_pairs = bare.smooth_convolutions = bare.smooth_products = bare.sample_inputs =
      false;
  const Change all = [](QuantizeOptions& o, AdvancedParameters& a) {
    o.preset = Preset::mixed;
    o.model_type = ModelType::transformer;
    a.overflow_fix = OverflowFix::enable;
    a.quantize_outputs = true;
    a.quantizer_propagation_rule = QuantizerPropagationRule::do_not_merge_branches;
    a.disable_channel_alignment = false;
    a.compress_weights = false;
    a.weights_quantization_params.emplace();
    a.activations_quantization_params.emplace();
    a.weights_range_estimator_params.max.clipping_value = 1;
    a.activations_range_estimator_params.max.clipping_value = 1;
    a.smooth_quant_alphas = {0.5, 0.5};
  };
  EXPECT_THAT(of_facts(all, {}), IsEmpty());
  EXPECT_THAT(
      of_facts(all, bare),
      ElementsAre("quantize_outputs", "quantizer_propagation_rule", "disable_channel_alignment",
                  "overflow_fix", "weights_quantization_params", "weights_range_estimator_params",
                  "compress_weights", "activations_quantization_params",
                  "activations_range_estimator_params", "preset", "smooth_quant_alphas.convolution",
                  "smooth_quant_alphas.matmul"));
}

TEST(WithoutEffect, OfStatistics) {
  RunFacts facts;
  facts.measured = 100;
  facts.sample_inputs = false;
  EXPECT_THAT(of_facts([](auto&, auto&) {}, facts), IsEmpty());
  EXPECT_THAT(of_facts([](auto& o, auto&) { o.subset_size = 100; }, facts), IsEmpty());
  EXPECT_THAT(of_facts(
                  [](auto& o, auto&) {
                    o.subset_size = 50;
                    o.fast_bias_correction = false;
                  },
                  facts),
              ElementsAre("subset_size", "fast_bias_correction"));
}

TEST(WithoutEffect, WhatDecidesByATrialRunIsRefusedWhereThereIsNone) {
  QuantizeOptions options;
  options.min_sqnr_db = 0;
  options.trial_run = false;
  EXPECT_NO_THROW(refuse_trial_options(options, "tune"));
  options = {};
  options.min_sqnr_db = 25;
  options.strict = true;
  try {
    refuse_trial_options(options, "tune");
    FAIL();
  } catch (const InvalidArgument& e) {
    EXPECT_THAT(e.what(), HasSubstr("[tune] min_sqnr_db, strict have no effect"));
  }
  options = {};
  options.placement = PlacementMode::measured;
  EXPECT_THROW(refuse_trial_options(options, "tune"), InvalidArgument);
  options = {};
  options.max_float_share = 0.1;
  EXPECT_THROW(refuse_trial_options(options, "tune"), InvalidArgument);
}

TEST(WithoutEffect, OfCalibration) {
  CalibrateOptions options;
  EXPECT_THAT(without_effect(options), IsEmpty());
  options.activations_range_estimator_params.max.aggregator_type = AggregatorType::max;
  EXPECT_THAT(names(without_effect(options)), ElementsAre("activations_range_estimator_params"));
  options.activations_range_estimator_params.max.statistics_type = StatisticsType::quantile;
  EXPECT_THAT(without_effect(options), IsEmpty());
  options.activations_range_estimator_params.max.quantile_outlier_prob = 2;
  EXPECT_THROW(validate(options), InvalidArgument);
}

TEST(WithoutEffect, IsRefusedWithOptionCauseAndCure) {
  try {
    validate(options_with([](auto& o, auto& a) {
      o.recipe = Recipe::nncf;
      a.smooth_quant_alphas.convolution = 0.5;
    }));
    FAIL();
  } catch (const InvalidArgument& e) {
    EXPECT_THAT(e.what(),
                AllOf(HasSubstr("[options] smooth_quant_alphas.convolution has no effect"),
                      HasSubstr("model_type 'transformer'"), HasSubstr("leave out one of them")));
  }
}

}  // namespace
}  // namespace eightbit
