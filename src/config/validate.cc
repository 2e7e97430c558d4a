// What options must satisfy before anything runs: ranges, and combinations that contradict each
// other.
#include <eightbit/options.h>

#include <cmath>
#include <regex>

#include "base/error.h"
#include "config/effects.h"

namespace eightbit {
namespace {

void check_bits(const char* which, const std::optional<QuantizationParameters>& params) {
  if (params && params->num_bits && (*params->num_bits < 2 || *params->num_bits > 16))
    fail<InvalidArgument>("options", "{}.num_bits is {}. Allowed: 2 to 16", which,
                          *params->num_bits);
}

void check_collector(const std::string& which, const StatisticsCollectorParameters& params) {
  const double p = params.quantile_outlier_prob;
  if (!(p > 0 && p < 0.5))
    fail<InvalidArgument>(
        "options", "{}.quantile_outlier_prob is {}. Allowed: above 0 and below 0.5", which, p);
  if (params.statistics_type == StatisticsType::mean)
    fail<InvalidArgument>("options",
                          "{}.statistics_type is 'mean', which is no end of a range. Allowed: max, "
                          "min, abs_max, quantile, "
                          "abs_quantile; a mean over samples is aggregator_type 'mean'",
                          which);
  if (params.clipping_value &&
      !(*params.clipping_value > 0 && std::isfinite(*params.clipping_value)))
    fail<InvalidArgument>("options", "{}.clipping_value is {}. Allowed: finite numbers above 0",
                          which, *params.clipping_value);
}

void check_estimator(const std::string& which, const RangeEstimatorParameters& params) {
  check_collector(which + ".min", params.min);
  check_collector(which + ".max", params.max);
  const bool min_histogram = params.min.aggregator_type == AggregatorType::histogram;
  const bool max_histogram = params.max.aggregator_type == AggregatorType::histogram;
  if (min_histogram != max_histogram)
    fail<InvalidArgument>(
        "options",
        "{} has aggregator_type 'histogram' on one side only. A histogram gives both ends: set it "
        "for min and max",
        which);
}

void check_alpha(const char* which, const std::optional<double>& alpha) {
  if (alpha && !(*alpha <= 1))  // written so that NaN fails
    fail<InvalidArgument>(
        "options", "smooth_quant_alphas.{} is {}. Allowed: 0 to 1, or a negative number for off",
        which, *alpha);
}

void check_pattern(const std::string& pattern) {
  try {
    std::regex compiled(pattern, std::regex::ECMAScript);
  } catch (const std::regex_error& e) {
    fail<InvalidArgument>(
        "options",
        "ignored_scope.patterns has '{}', which is no valid regular expression: {}. Escape "
        "special characters with a backslash",
        pattern, e.what());
  }
}

void check_texts(const char* which, const std::vector<std::string>& texts) {
  for (const std::string& text : texts)
    if (text.empty()) fail<InvalidArgument>("options", "{} has an empty entry. Take it out", which);
}

void check_scope(const IgnoredScope& scope) {
  check_texts("ignored_scope.names", scope.names);
  check_texts("ignored_scope.patterns", scope.patterns);
  check_texts("ignored_scope.types", scope.types);
  for (const std::string& pattern : scope.patterns) check_pattern(pattern);
  for (const Subgraph& subgraph : scope.subgraphs)
    if (subgraph.inputs.empty() || subgraph.outputs.empty())
      fail<InvalidArgument>("options",
                            "ignored_scope.subgraphs has a subgraph without {}. Name both ends",
                            subgraph.inputs.empty() ? "inputs" : "outputs");
}

// FP8 goes through FakeConvert, which knows neither zero points nor a half range.
void check_fp8(const QuantizeOptions& options) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  const std::string_view mode = to_string(*options.mode);
  const auto refuse = [&](bool given, std::string_view what, std::string_view allowed) {
    if (given)
      fail<InvalidArgument>("options", "mode '{}' does not go with {}. {}", mode, what, allowed);
  };
  refuse(options.preset && *options.preset != Preset::performance, "preset 'mixed'",
         "Allowed: performance, or leave it out");
  refuse(options.target_device != TargetDevice::any && options.target_device != TargetDevice::cpu,
         fmt::format("target_device '{}'", to_string(options.target_device)), "Allowed: ANY, CPU");
  refuse(advanced.overflow_fix && *advanced.overflow_fix != OverflowFix::disable,
         fmt::format("overflow_fix '{}'",
                     to_string(advanced.overflow_fix.value_or(OverflowFix::disable))),
         "Allowed: disable, or leave it out");
  refuse(advanced.quantize_outputs, "quantize_outputs", "Leave it out");
  refuse(advanced.activations_quantization_params.has_value(), "activations_quantization_params",
         "Use activations_fp8_params");
  refuse(advanced.weights_quantization_params.has_value(), "weights_quantization_params",
         "Use weights_fp8_params");
}

void check_threshold(const std::optional<double>& threshold) {
  if (threshold && !(*threshold >= 0))
    fail<InvalidArgument>("options",
                          "bias_correction_params.threshold is {}. Allowed: numbers from 0 on",
                          *threshold);
}

void check_floor(const QuantizeOptions& options) {
  if (options.min_sqnr_db && !(*options.min_sqnr_db >= 0 && *options.min_sqnr_db <= 200))
    fail<InvalidArgument>("options", "min_sqnr_db is {}. Allowed: 0 (off) to 200, in dB",
                          *options.min_sqnr_db);
  if (!(options.max_float_share >= 0 && options.max_float_share <= 1))
    fail<InvalidArgument>("options", "max_float_share is {}. Allowed: 0 to 1",
                          options.max_float_share);
}

// Something else would happen than was asked for.
void refuse_contradictions(const std::vector<NoEffect>& found) {
  for (const NoEffect& option : found)
    if (option.contradicts)
      fail<InvalidArgument>("options", "{}. Change or leave out one of them", option.text());
}

}  // namespace

void validate(const QuantizeOptions& options) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  if (options.subset_size < 0)
    fail<InvalidArgument>("options",
                          "subset_size is {}. Allowed: numbers from 1 on, or 0 for as many as it "
                          "takes",
                          options.subset_size);
  check_bits("activations_quantization_params", advanced.activations_quantization_params);
  check_bits("weights_quantization_params", advanced.weights_quantization_params);
  check_estimator("activations_range_estimator_params",
                  advanced.activations_range_estimator_params);
  check_estimator("weights_range_estimator_params", advanced.weights_range_estimator_params);
  check_alpha("convolution", advanced.smooth_quant_alphas.convolution);
  check_alpha("matmul", advanced.smooth_quant_alphas.matmul);
  check_scope(options.ignored_scope);
  check_threshold(advanced.bias_correction_params.threshold);
  check_floor(options);
  if (options.mode) check_fp8(options);
  refuse_contradictions(without_effect(options));
}

void validate(const CalibrateOptions& options) {
  check_estimator("activations_range_estimator_params", options.activations_range_estimator_params);
  refuse_contradictions(without_effect(options));
}

}  // namespace eightbit
