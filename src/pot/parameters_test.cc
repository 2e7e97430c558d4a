#include <eightbit/pot.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace eightbit::pot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Algorithms read(const std::string& params, const std::string& name = "DefaultQuantization",
                bool strict = false) {
  return read_algorithms(R"([{"name": ")" + name + R"(", "params": )" + params + "}]", strict);
}

template <typename Kind>
std::string refusal(const std::string& json, bool strict = false) {
  try {
    read_algorithms(json, strict);
  } catch (const Kind& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Algorithms, NothingGivenIsTheDefaultOfQuantize) {
  const Algorithms read = read_algorithms(R"([{"name": "DefaultQuantization"}])", true);
  EXPECT_TRUE(read.options.advanced_parameters.disable_channel_alignment);
  EXPECT_FALSE(read.options.advanced_parameters.disable_bias_correction);
  EXPECT_FALSE(read.options.preset);
  EXPECT_FALSE(read.control);
  EXPECT_FALSE(read.stat_subset_size);
  EXPECT_THAT(read.notes, IsEmpty());
}

TEST(Algorithms, ChannelsAreAlignedInPotsRecipeAndWhereTheStepIsNamed) {
  const auto aligned = [](const std::string& json) {
    return !read_algorithms(json, true).options.advanced_parameters.disable_channel_alignment;
  };
  EXPECT_TRUE(aligned(R"([{"name": "DefaultQuantization", "params": {"recipe": "pot"}}])"));
  EXPECT_FALSE(aligned(R"([{"name": "DefaultQuantization", "params": {"recipe": "eightbit"}}])"));
  EXPECT_FALSE(aligned(R"([{"name": "MinMaxQuantization"}])"));
  EXPECT_TRUE(
      aligned(R"([{"name": "ActivationChannelAlignment"}, {"name": "MinMaxQuantization"}])"));
}

TEST(Algorithms, ParametersBecomeOptions) {
  const Algorithms out = read(R"({
      "target_device": "NPU", "preset": "mixed", "model_type": "transformer",
      "use_fast_bias": false, "stat_subset_size": 7, "shuffle_data": true, "seed": 3,
      "saturation_fix": "no", "threshold": "inf",
      "ignored": {"scope": ["a", ["If_1", "then", "b"]], "operations": [{"type": "Add"}]},
      "activations": {"mode": "symmetric", "granularity": "pertensor",
                      "range_estimator": {"max": {"aggregator": "median"}}},
      "weights": {"bits": 8, "level_low": -127, "level_high": 127}})");
  const QuantizeOptions& options = out.options;
  const AdvancedParameters& advanced = options.advanced_parameters;
  EXPECT_EQ(options.target_device, TargetDevice::npu);
  EXPECT_EQ(options.preset, std::nullopt);  // the mode decides
  EXPECT_EQ(options.model_type, ModelType::transformer);
  EXPECT_FALSE(options.fast_bias_correction);
  EXPECT_EQ(out.stat_subset_size, 7);
  EXPECT_TRUE(out.shuffle_data);
  EXPECT_EQ(out.seed, 3u);
  EXPECT_EQ(advanced.overflow_fix, OverflowFix::disable);
  EXPECT_EQ(advanced.bias_correction_params.threshold, std::numeric_limits<double>::infinity());
  EXPECT_THAT(options.ignored_scope.names, ElementsAre("a", "If_1|then|b"));
  EXPECT_THAT(options.ignored_scope.types, ElementsAre("Add"));
  EXPECT_FALSE(options.ignored_scope.validate);
  EXPECT_EQ(advanced.activations_quantization_params->mode, QuantizationScheme::symmetric);
  EXPECT_EQ(advanced.activations_quantization_params->per_channel, false);
  EXPECT_EQ(advanced.activations_range_estimator_params.max.aggregator_type,
            AggregatorType::median);
  EXPECT_EQ(advanced.activations_range_estimator_params.max.statistics_type, StatisticsType::max);
  EXPECT_TRUE(advanced.activations_range_estimator_params.min.empty());
  EXPECT_EQ(advanced.weights_quantization_params->narrow_range, true);
  EXPECT_EQ(advanced.weights_quantization_params->signedness_to_force, true);
}

TEST(Algorithms, AnEstimatorOfAKindIsLaidOverTheSharedOne) {
  const Algorithms out = read(R"({
      "range_estimator": {"preset": "quantile"},
      "weights": {"range_estimator": {"max": {"type": "abs_max"}}}})");
  const AdvancedParameters& advanced = out.options.advanced_parameters;
  EXPECT_EQ(advanced.activations_range_estimator_params.max.statistics_type,
            StatisticsType::quantile);
  EXPECT_EQ(advanced.weights_range_estimator_params.min.statistics_type, StatisticsType::quantile);
  EXPECT_EQ(advanced.weights_range_estimator_params.max.statistics_type, StatisticsType::abs_max);
}

TEST(Algorithms, PresetAccuracyIsWhatEachSurfaceMadeOfIt) {
  const auto weights = [](const Algorithms& read) {
    return read.options.advanced_parameters.weights_quantization_params;
  };
  EXPECT_EQ(weights(read(R"({"preset": "accuracy"})"))->mode, QuantizationScheme::asymmetric);
  EXPECT_FALSE(weights(read(R"({"preset": "accuracy"})", "DefaultQuantization", true)));
}

TEST(Algorithms, StepsAreOneQuantization) {
  const Algorithms ranges = read_algorithms(R"([{"name": "MinMaxQuantization"}])", true);
  EXPECT_TRUE(ranges.options.advanced_parameters.disable_channel_alignment);
  EXPECT_TRUE(ranges.options.advanced_parameters.disable_bias_correction);
  const Algorithms all = read_algorithms(
      R"([{"name": "ActivationChannelAlignment"},
          {"name": "MinMaxQuantization", "params": {"preset": "mixed"}},
          {"name": "BiasCorrection"}])",
      true);
  EXPECT_FALSE(all.options.advanced_parameters.disable_channel_alignment);
  EXPECT_FALSE(all.options.advanced_parameters.disable_bias_correction);
  EXPECT_FALSE(all.options.fast_bias_correction);
  EXPECT_EQ(all.options.preset, Preset::mixed);
  EXPECT_THAT(refusal<Unsupported>(R"([{"name": "FastBiasCorrection"}])"),
              HasSubstr("MinMaxQuantization"));
  EXPECT_THAT(
      refusal<Unsupported>(R"([{"name": "DefaultQuantization"}, {"name": "MinMaxQuantization"}])"),
      HasSubstr("Leave the others out"));
}

TEST(Algorithms, AccuracyAwareReturnsTheBestModel) {
  const Algorithms out =
      read(R"({"maximal_drop": 0.02, "drop_type": "relative", "max_iter_num": 5})",
           "AccuracyAwareQuantization");
  ASSERT_TRUE(out.control);
  EXPECT_EQ(out.control->max_drop, 0.02);
  EXPECT_EQ(out.control->drop_type, DropType::relative);
  EXPECT_EQ(out.control->max_num_iterations, 5);
  EXPECT_EQ(out.control->on_failure, OnFailure::return_best);
}

TEST(Algorithms, RecipePotIsWhatPotDid) {
  const Algorithms out = read(R"({"recipe": "pot"})");
  EXPECT_EQ(out.options.recipe, Recipe::nncf);
  EXPECT_EQ(out.options.preset, Preset::performance);
  EXPECT_EQ(out.options.advanced_parameters.overflow_fix, OverflowFix::first_layer_only);
}

TEST(Algorithms, TheFloorOfTheTrialRunCanBeSet) {
  EXPECT_FALSE(read("{}").options.min_sqnr_db);
  EXPECT_EQ(read(R"({"min_sqnr_db": 0})").options.min_sqnr_db, 0);
  EXPECT_EQ(read(R"({"min_sqnr_db": 30.5})").options.min_sqnr_db, 30.5);
  EXPECT_THAT(refusal<InvalidArgument>(
                  R"([{"name": "DefaultQuantization", "params": {"min_sqnr_db": "high"}}])"),
              HasSubstr("min_sqnr_db"));
}

TEST(Algorithms, UnknownKeysAreNotesOrErrors) {
  const std::string json = R"([{"name": "DefaultQuantization", "params": {"presett": "mixed"}}])";
  const Algorithms lenient = read_algorithms(json, false);
  EXPECT_THAT(lenient.notes, ElementsAre(HasSubstr("algorithms[0].params.presett")));
  EXPECT_THAT(lenient.notes[0], HasSubstr("preset"));
  EXPECT_THAT(refusal<InvalidArgument>(json, true), HasSubstr("algorithms[0].params.presett"));
}

TEST(Algorithms, FilesMaySayTheDeviceInsideToo) {
  EXPECT_EQ(read(R"({"target_device": "NPU"})", "DefaultQuantization", true).options.target_device,
            TargetDevice::npu);
}

TEST(Algorithms, WhatHasNoEffectIsTold) {
  const Algorithms out =
      read(R"({"stat_batch_size": 4, "batch_size": 25, "use_ranking_subset": false,
      "range_estimator": {"max": {"type": "max", "granularity": "pertensor"}}})");
  EXPECT_THAT(out.notes,
              ElementsAre(HasSubstr("params.stat_batch_size"), HasSubstr("params.batch_size"),
                          HasSubstr("max.granularity"), HasSubstr("max.granularity")));
}

TEST(Algorithms, WhatIsNotDoneSaysWhatToDo) {
  for (const auto& [params, words] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"use_layerwise_tuning": true})", "use_fast_bias"},
           {R"({"target_device": "VPU"})", "plug-in"},
           {R"({"target_device": "VPU"})", "NPU"},
           {R"({"weights": {"level_low": -3}})", "-128 or -127"},
           {R"({"ignored": {"operations": [{"type": "Add", "attributes": {"a": 1}}]}})",
            "ignored.scope"},
           {R"({"range_estimator": {"max": {"aggregator": "hl_estimator"}}})", "median"}})
    EXPECT_THAT(refusal<Unsupported>(R"([{"name": "DefaultQuantization", "params": )" +
                                     std::string(params) + "}]"),
                HasSubstr(words));
  EXPECT_NO_THROW(read(R"({"use_layerwise_tuning": false})"));
  EXPECT_THAT(refusal<Unsupported>(R"([{"name": "WeightSparsity"}])"), HasSubstr("sparsity"));
  EXPECT_THAT(refusal<InvalidArgument>(R"([{"name": "Quantization"}])"),
              HasSubstr("DefaultQuantization"));
  EXPECT_THAT(refusal<InvalidArgument>("[]"), HasSubstr("is empty"));
  EXPECT_THAT(refusal<InvalidArgument>("{"), HasSubstr("no valid JSON"));
}

TEST(Parameters, PartsOfACascadeHaveIgnoredScopesOfTheirOwn) {
  const char* json = R"([{"name": "DefaultQuantization", "params": {"ignored": {
      "pnet": {"scope": ["pnet_conv1", "conv2"]}, "rnet": {"skip_model": true}}}}])";
  const Algorithms pnet = read_algorithms(json, true, "pnet");
  EXPECT_THAT(pnet.options.ignored_scope.names, ElementsAre("pnet_conv1", "conv1", "conv2"));
  EXPECT_FALSE(pnet.skip_model);
  EXPECT_TRUE(read_algorithms(json, true, "rnet").skip_model);
  EXPECT_TRUE(read_algorithms(json, true, "onet").options.ignored_scope.names.empty());
  EXPECT_THROW(read_algorithms(R"([{"name": "DefaultQuantization", "params": {"ignored": {
      "pnet": {"scpoe": []}}}}])",
                               true),
               InvalidArgument);
}

TEST(Parameters, ABoundAloneLeavesHowRangesAreFound) {
  const Algorithms read = eightbit::pot::read(R"({"activations": {"range_estimator": {
      "min": {"clipping_value": -3}, "max": {"clipping_value": 6}}}})");
  const RangeEstimatorParameters& range =
      read.options.advanced_parameters.activations_range_estimator_params;
  EXPECT_EQ(range.min.clipping_value, 3);
  EXPECT_EQ(range.max.clipping_value, 6);
  EXPECT_EQ(range.max.aggregator_type, AggregatorType::histogram);
  EXPECT_FALSE(range.max.statistics_type);
  const Algorithms with_type =
      eightbit::pot::read(R"({"range_estimator": {"max": {"type": "max", "clipping_value": 6}}})");
  EXPECT_EQ(
      with_type.options.advanced_parameters.activations_range_estimator_params.max.statistics_type,
      StatisticsType::max);
}

TEST(Parameters, GnaTakesSixteenBitsByPreset) {
  const Algorithms read =
      eightbit::pot::read(R"({"target_device": "GNA3.5", "preset": "accuracy"})");
  EXPECT_EQ(read.options.target_device, TargetDevice::gna3_5);
  EXPECT_EQ(read.options.preset, Preset::mixed);
  EXPECT_FALSE(read.options.advanced_parameters.weights_quantization_params);
}

}  // namespace
}  // namespace eightbit::pot
