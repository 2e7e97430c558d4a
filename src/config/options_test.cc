#include <eightbit/error.h>
#include <eightbit/options.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace eightbit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}
std::string json_error(std::string_view json) {
  return message_of([&] { options_from_json(json); });
}
std::string error_of(const std::function<void(QuantizeOptions&)>& change) {
  QuantizeOptions options;
  validate(options);
  change(options);
  return message_of([&] { validate(options); });
}

TEST(OptionNames, GoBothWaysInAnyCase) {
  EXPECT_EQ(to_string(TargetDevice::cpu_spr), "CPU_SPR");
  EXPECT_EQ(parse<TargetDevice>("cpu_spr"), TargetDevice::cpu_spr);
  EXPECT_EQ(parse<Preset>("MIXED"), Preset::mixed);
  EXPECT_EQ(parse<QuantizationMode>(to_string(QuantizationMode::fp8_e5m2)),
            QuantizationMode::fp8_e5m2);
  for (int i = 0; i < 7; ++i) {
    const auto value = static_cast<AggregatorType>(i);
    EXPECT_EQ(parse<AggregatorType>(to_string(value)), value);
  }
  for (int i = 0; i < 6; ++i) {
    const auto value = static_cast<StatisticsType>(i);
    EXPECT_EQ(parse<StatisticsType>(to_string(value)), value);
  }
  for (int i = 0; i < 4; ++i) {
    const auto value = static_cast<QuantizerPropagationRule>(i);
    EXPECT_EQ(parse<QuantizerPropagationRule>(to_string(value)), value);
  }
}

TEST(OptionNames, UnknownOnesListWhatIsAllowed) {
  EXPECT_THAT(message_of([] { parse<Preset>("mixd"); }),
              AllOf(HasSubstr("preset cannot be 'mixd'"), HasSubstr("Did you mean mixed?"),
                    HasSubstr("Allowed: performance, mixed")));
}

TEST(OptionsJson, DefaultsSurvive) {
  EXPECT_EQ(to_json(options_from_json("{}")), to_json(QuantizeOptions{}));
  EXPECT_EQ(to_json(options_from_json(to_json(QuantizeOptions{}))), to_json(QuantizeOptions{}));
}

TEST(OptionsJson, EveryKindOfFieldSurvives) {
  QuantizeOptions options;
  options.preset = Preset::mixed;
  options.target_device = TargetDevice::npu;
  options.subset_size = 17;
  options.fast_bias_correction = false;
  options.ignored_scope.names = {"a", "b"};
  options.ignored_scope.subgraphs = {{{"x"}, {"y", "z"}}};
  options.ignored_scope.validate = false;
  options.recipe = Recipe::nncf;
  AdvancedParameters& advanced = options.advanced_parameters;
  advanced.overflow_fix = OverflowFix::first_layer_only;
  advanced.batchwise_statistics = true;
  advanced.activations_quantization_params =
      QuantizationParameters{.num_bits = 4, .mode = QuantizationScheme::asymmetric};
  advanced.weights_fp8_params = FP8QuantizationParameters{FP8Type::f8e5m2};
  advanced.activations_range_estimator_params.max.quantile_outlier_prob = 0.01;
  advanced.bias_correction_params.threshold = 2;
  advanced.smooth_quant_alphas.convolution.reset();
  advanced.smooth_quant_alphas.matmul = 0.7;
  const QuantizeOptions back = options_from_json(to_json(options));
  EXPECT_EQ(to_json(back), to_json(options));
  EXPECT_EQ(back.ignored_scope.subgraphs.at(0).outputs.at(1), "z");
  EXPECT_EQ(back.advanced_parameters.activations_quantization_params->num_bits, 4);
  EXPECT_FALSE(back.advanced_parameters.activations_quantization_params->narrow_range);
  EXPECT_FALSE(back.advanced_parameters.smooth_quant_alphas.convolution);
  EXPECT_EQ(back.advanced_parameters.smooth_quant_alphas.matmul, 0.7);
}

TEST(OptionsJson, UnknownKeysNameTheNearest) {
  EXPECT_THAT(json_error(R"({"subset_sise": 3})"),
              AllOf(HasSubstr("no option 'subset_sise'"), HasSubstr("Did you mean subset_size?")));
  EXPECT_THAT(json_error(R"({"advanced_parameters": {"overflow_fx": "disable"}})"),
              AllOf(HasSubstr("in advanced_parameters"), HasSubstr("overflow_fix")));
}

TEST(OptionsJson, WrongTypesNameThePath) {
  EXPECT_THAT(json_error(R"({"subset_size": "3"})"),
              AllOf(HasSubstr("subset_size is \"3\""), HasSubstr("whole number")));
  EXPECT_THAT(json_error(R"({"subset_size": 1.5})"), HasSubstr("whole number"));
  EXPECT_THAT(json_error(R"({"subset_size": 18446744073709551615})"), HasSubstr("smaller number"));
  EXPECT_THAT(json_error(R"({"ignored_scope": {"names": "a"}})"),
              HasSubstr("ignored_scope.names is \"a\". It takes a list"));
  EXPECT_THAT(json_error(R"({"ignored_scope": {"names": [1]}})"),
              HasSubstr("ignored_scope.names[0]"));
  EXPECT_THAT(json_error(R"({"fast_bias_correction": 1})"), HasSubstr("true or false"));
  EXPECT_THAT(json_error(R"({"advanced_parameters": {"activations_quantization_params": )"
                         R"({"num_bits": 4294967304}}})"),
              HasSubstr("smaller number"));
  EXPECT_THAT(json_error("[1]"), HasSubstr("the configuration is array"));
}

TEST(OptionsJson, BrokenJsonIsSaid) {
  EXPECT_THAT(json_error("{"), HasSubstr("no valid JSON"));
  EXPECT_THAT(json_error("\xff\xfe"), HasSubstr("no valid JSON"));
  EXPECT_THAT(json_error(std::string(100000, '[')), HasSubstr("no valid JSON"));
}

TEST(ValidateOptions, Ranges) {
  EXPECT_THAT(error_of([](auto& o) { o.subset_size = -1; }), HasSubstr("subset_size is -1"));
  EXPECT_THAT(error_of([](auto& o) {
                o.advanced_parameters.weights_quantization_params.emplace().num_bits = 17;
              }),
              HasSubstr("weights_quantization_params.num_bits is 17. Allowed: 2 to 16"));
  EXPECT_THAT(error_of([](auto& o) {
                o.advanced_parameters.activations_range_estimator_params.min.quantile_outlier_prob =
                    0.5;
              }),
              HasSubstr("below 0.5"));
  EXPECT_THAT(error_of([](auto& o) {
                o.advanced_parameters.activations_range_estimator_params.max.quantile_outlier_prob =
                    0;
              }),
              HasSubstr("above 0"));
  EXPECT_THAT(error_of([](auto& o) {
                o.advanced_parameters.weights_range_estimator_params.max.clipping_value = -1;
              }),
              HasSubstr("clipping_value is -1"));
  EXPECT_THAT(error_of([](auto& o) {
                o.advanced_parameters.activations_range_estimator_params.max.statistics_type =
                    StatisticsType::mean;
              }),
              HasSubstr("no end of a range"));
  EXPECT_THAT(error_of([](auto& o) { o.advanced_parameters.smooth_quant_alphas.matmul = 1.5; }),
              HasSubstr("matmul is 1.5"));
  EXPECT_THAT(
      error_of([](auto& o) { o.advanced_parameters.smooth_quant_alphas.convolution = NAN; }),
      HasSubstr("convolution"));
  EXPECT_THAT(error_of([](auto& o) {
                o.recipe = Recipe::nncf;
                o.advanced_parameters.bias_correction_params.threshold = -1;
              }),
              HasSubstr("threshold is -1"));
}

TEST(ValidateOptions, Scopes) {
  EXPECT_THAT(error_of([](auto& o) { o.ignored_scope.patterns = {"a("}; }),
              HasSubstr("'a(', which is no valid regular expression"));
  EXPECT_THAT(error_of([](auto& o) { o.ignored_scope.names = {""}; }),
              HasSubstr("ignored_scope.names has an empty entry"));
  EXPECT_THAT(error_of([](auto& o) { o.ignored_scope.subgraphs = {{{"a"}, {}}}; }),
              HasSubstr("without outputs"));
}

TEST(ValidateOptions, Contradictions) {
  const auto fp8 = [](auto change) {
    return error_of([&](auto& o) {
      o.mode = QuantizationMode::fp8_e4m3;
      validate(o);
      change(o);
    });
  };
  EXPECT_THAT(fp8([](auto& o) { o.preset = Preset::mixed; }),
              HasSubstr("mode 'fp8_e4m3' does not go with preset 'mixed'"));
  EXPECT_THAT(fp8([](auto& o) { o.target_device = TargetDevice::npu; }),
              HasSubstr("target_device 'NPU'"));
  EXPECT_THAT(fp8([](auto& o) { o.advanced_parameters.overflow_fix = OverflowFix::enable; }),
              HasSubstr("overflow_fix 'enable'"));
  EXPECT_THAT(fp8([](auto& o) { o.advanced_parameters.quantize_outputs = true; }),
              HasSubstr("quantize_outputs"));
  EXPECT_THAT(fp8([](auto& o) { o.advanced_parameters.activations_quantization_params.emplace(); }),
              HasSubstr("Use activations_fp8_params"));
  EXPECT_THAT(error_of([](auto& o) {
                o.advanced_parameters.weights_range_estimator_params.min.aggregator_type =
                    AggregatorType::histogram;
              }),
              HasSubstr("set it for min and max"));
}

}  // namespace
}  // namespace eightbit
