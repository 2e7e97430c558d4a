#include "config/effects.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace eightbit {
namespace {

class Findings {
 public:
  void refuse(bool when, std::string_view option, std::string_view cause) {
    if (when) found_.push_back({std::string(option), std::string(cause), true});
  }
  void report(bool when, std::string_view option, std::string_view cause) {
    if (when) found_.push_back({std::string(option), std::string(cause), false});
  }
  std::vector<NoEffect> take() { return std::move(found_); }

 private:
  std::vector<NoEffect> found_;
};

bool differs(double a, double b) { return a < b || b < a; }

bool reads_quantile(const StatisticsCollectorParameters& p) {
  return p.statistics_type == StatisticsType::quantile ||
         p.statistics_type == StatisticsType::abs_quantile;
}

bool leaves_outliers_out(const StatisticsCollectorParameters& p) {
  return p.aggregator_type == AggregatorType::mean_no_outliers ||
         p.aggregator_type == AggregatorType::median_no_outliers;
}

bool searches(const RangeEstimatorParameters& p) {
  return p.min.aggregator_type == AggregatorType::histogram ||
         p.max.aggregator_type == AggregatorType::histogram;
}

void check_end(const std::string& name, const StatisticsCollectorParameters& p, bool weights,
               Findings& out) {
  const bool histogram = p.aggregator_type == AggregatorType::histogram;
  out.refuse(histogram && p.statistics_type, name + ".statistics_type",
             "aggregator_type 'histogram' looks at all values");
  out.refuse(
      differs(p.quantile_outlier_prob, StatisticsCollectorParameters{}.quantile_outlier_prob) &&
          !reads_quantile(p) && !(leaves_outliers_out(p) && !weights),
      name + ".quantile_outlier_prob",
      weights ? "it belongs to statistics_type 'quantile' and 'abs_quantile'"
              : "it belongs to statistics_type 'quantile' and 'abs_quantile' and to the "
                "aggregators without outliers");
  out.report(weights && p.aggregator_type && !histogram && !p.statistics_type,
             name + ".aggregator_type",
             "a weight is one tensor, so there is nothing to aggregate over");
}

void check_estimators(const QuantizeOptions& options, Findings& out) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  for (bool weights : {false, true}) {
    const std::string name =
        weights ? "weights_range_estimator_params" : "activations_range_estimator_params";
    const auto& params = weights ? advanced.weights_range_estimator_params
                                 : advanced.activations_range_estimator_params;
    check_end(name + ".min", params.min, weights, out);
    check_end(name + ".max", params.max, weights, out);
    out.refuse(options.mode && searches(params), name,
               "a histogram is searched for integer levels, and mode is FP8");
  }
}

// FP8 has a type for each side, INT8 a list of filters.
void check_mode(const QuantizeOptions& options, Findings& out) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  for (bool weights : {false, true})
    out.refuse(
        !options.mode && (weights ? advanced.weights_fp8_params : advanced.activations_fp8_params),
        weights ? "weights_fp8_params" : "activations_fp8_params",
        "it is for mode 'fp8_e4m3' and 'fp8_e5m2'");
  out.report(options.mode && !advanced.compress_weights, "compress_weights",
             "FakeConvert of FP8 stays on the float weights either way");
  const auto& asked = advanced.activations_quantization_params;
  if (!options.preset || !asked || !asked->mode) return;
  const bool mixed = *options.preset == Preset::mixed;
  out.refuse(mixed != (*asked->mode == QuantizationScheme::asymmetric), "preset",
             fmt::format("activations_quantization_params.mode '{}' decides the scheme",
                         to_string(*asked->mode)));
}

void check_rounding(const QuantizeOptions& options, Findings& out) {
  const bool adaptive = options.weight_rounding == WeightRounding::adaptive;
  out.refuse(adaptive && options.mode.has_value(), "weight_rounding",
             "FP8 weights are rounded by the runtime");
  out.refuse(adaptive && options.recipe == Recipe::nncf, "weight_rounding",
             "recipe 'nncf' rounds to the nearest level");
}

void check_bias_correction(const QuantizeOptions& options, Findings& out) {
  const AdvancedBiasCorrectionParameters& params =
      options.advanced_parameters.bias_correction_params;
  const bool nncf = options.recipe == Recipe::nncf;
  out.refuse(params.threshold && !nncf, "bias_correction_params.threshold",
             "it belongs to recipe 'nncf'; recipe 'eightbit' corrects by what it has measured");
  out.report(params.threshold && nncf && !options.fast_bias_correction,
             "bias_correction_params.threshold", "it belongs to fast_bias_correction");
  const bool off = options.advanced_parameters.disable_bias_correction;
  out.report(params.apply_for_all_nodes && !off, "bias_correction_params.apply_for_all_nodes",
             nncf ? "the other layers have no rounded weights, and in NNCF it raises an error"
                  : "every layer with a quantized weight or input is corrected, and the others add "
                    "no error");
  if (!off) return;
  const std::string_view cause = "disable_bias_correction is set";
  out.refuse(params.threshold.has_value(), "bias_correction_params.threshold", cause);
  out.refuse(params.apply_for_all_nodes, "bias_correction_params.apply_for_all_nodes", cause);
  out.refuse(!options.fast_bias_correction, "fast_bias_correction", cause);
}

bool is_on(const std::optional<double>& alpha) { return !alpha || *alpha >= 0; }

void check_smooth_quant(const QuantizeOptions& options, Findings& out) {
  if (options.model_type == ModelType::transformer) return;
  const AdvancedSmoothQuantParameters& alphas = options.advanced_parameters.smooth_quant_alphas;
  const std::string_view cause = "SmoothQuant runs with model_type 'transformer'";
  out.refuse(options.recipe == Recipe::nncf && alphas.convolution && is_on(alphas.convolution),
             "smooth_quant_alphas.convolution", cause);
  // NNCF's default is 0.95
  out.report(alphas.matmul && is_on(alphas.matmul), "smooth_quant_alphas.matmul", cause);
}

void check_trial(const QuantizeOptions& options, Findings& out) {
  const std::string_view cause = "trial_run is off, and nothing else measures the outputs";
  out.refuse(!options.trial_run && options.min_sqnr_db.value_or(0) > 0, "min_sqnr_db", cause);
  out.refuse(!options.trial_run && options.placement == PlacementMode::measured, "placement",
             cause);
  if (options.placement == PlacementMode::measured) {
    const bool elsewhere =
        options.target_device == TargetDevice::gpu || options.target_device == TargetDevice::npu;
    out.refuse(elsewhere, "placement",
               fmt::format("the processor of this machine is timed, and target_device is {}",
                           to_string(options.target_device)));
    out.refuse(options.mode.has_value(), "placement", "it is about integers, and mode is FP8");
  }
  const bool off = !options.trial_run || options.min_sqnr_db == 0.0 ||
                   (!options.min_sqnr_db && (options.mode || options.recipe == Recipe::nncf));
  out.refuse(off && options.strict, "strict", "min_sqnr_db is off");
  out.report(off && differs(options.max_float_share, QuantizeOptions{}.max_float_share),
             "max_float_share", "min_sqnr_db is off");
}

bool adds_pairs(TargetDevice target) {
  return target == TargetDevice::any || target == TargetDevice::cpu;
}

bool narrows(const AdvancedParameters& advanced) {
  return advanced.overflow_fix && *advanced.overflow_fix != OverflowFix::disable;
}

void check_overflow(const QuantizeOptions& options, Findings& out) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  if (!narrows(advanced)) return;
  const auto& weights = advanced.weights_quantization_params;
  out.refuse(
      weights && weights->num_bits && *weights->num_bits != 8, "overflow_fix",
      "it is for weights of 8 bits, and weights_quantization_params.num_bits is another number");
  out.report(
      !adds_pairs(options.target_device), "overflow_fix",
      fmt::format("{} does not add products in 16 bits. It costs accuracy there and saves nothing",
                  to_string(options.target_device)));
}

void check_moot(const QuantizeOptions& options, Findings& out) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  out.report(!advanced.inplace_statistics, "inplace_statistics",
             "tensors are always reduced where the runtime makes them; the statistics are the same "
             "either way");
  out.report(options.recipe != Recipe::nncf && advanced.batchwise_statistics == false,
             "batchwise_statistics",
             "each item of a batch counts as a sample, so that results do not depend on how data "
             "is batched");
}

}  // namespace

std::string NoEffect::text() const { return fmt::format("{} has no effect: {}", option, cause); }

std::vector<NoEffect> without_effect(const QuantizeOptions& options) {
  Findings out;
  check_mode(options, out);
  check_estimators(options, out);
  check_rounding(options, out);
  check_bias_correction(options, out);
  check_smooth_quant(options, out);
  check_overflow(options, out);
  check_trial(options, out);
  check_moot(options, out);
  out.report(!options.ignored_scope.validate && options.ignored_scope.empty(),
             "ignored_scope.validate", "the ignored scope is empty");
  return out.take();
}

std::vector<NoEffect> without_effect(const QuantizeOptions& options, const RunFacts& facts) {
  Findings out;
  const AdvancedParameters& advanced = options.advanced_parameters;
  out.report(advanced.quantize_outputs && !facts.outputs, "quantize_outputs",
             "no result of this model reads what can be quantized");
  out.report(
      advanced.quantizer_propagation_rule != AdvancedParameters{}.quantizer_propagation_rule &&
          !facts.branches,
      "quantizer_propagation_rule",
      "no branches of this model meet, so every rule gives the same quantizers");
  out.report(!advanced.disable_channel_alignment && !facts.convolution_pairs,
             "disable_channel_alignment",
             "this model has no two convolutions that could be aligned");
  out.report(narrows(advanced) && !facts.overflowing_weights, "overflow_fix",
             "this model has no 8-bit weights whose products are added in pairs");
  for (const auto& [given, option] :
       {std::pair{advanced.weights_quantization_params.has_value(), "weights_quantization_params"},
        {advanced.weights_fp8_params.has_value(), "weights_fp8_params"},
        {!advanced.weights_range_estimator_params.empty(), "weights_range_estimator_params"},
        {!advanced.compress_weights && !options.mode, "compress_weights"}})
    out.report(given && !facts.weights, option, "no weight of this model is quantized");
  for (const auto& [given, option] :
       {std::pair{advanced.activations_quantization_params.has_value(),
                  "activations_quantization_params"},
        {advanced.activations_fp8_params.has_value(), "activations_fp8_params"},
        {!advanced.activations_range_estimator_params.empty(),
         "activations_range_estimator_params"},
        {options.preset.has_value() && !options.mode, "preset"}})
    out.report(given && !facts.activations, option, "no activation of this model is quantized");
  const AdvancedSmoothQuantParameters& alphas = advanced.smooth_quant_alphas;
  const std::string_view no_layer = "this model has no such layer with quantized weight and input";
  out.report(alphas.convolution && is_on(alphas.convolution) && !facts.smooth_convolutions,
             "smooth_quant_alphas.convolution", no_layer);
  out.report(options.model_type == ModelType::transformer && alphas.matmul &&
                 is_on(alphas.matmul) && !facts.smooth_products,
             "smooth_quant_alphas.matmul", no_layer);
  if (facts.measured) {
    out.report(
        options.subset_size != QuantizeOptions{}.subset_size &&
            options.subset_size != *facts.measured,
        "subset_size",
        fmt::format("the {} samples of the statistics are already measured", *facts.measured));
    out.report(!options.fast_bias_correction && !facts.sample_inputs, "fast_bias_correction",
               "the statistics hold no sample inputs to run");
  }
  return out.take();
}

void refuse_trial_options(const QuantizeOptions& options, std::string_view where) {
  std::vector<std::string_view> given;
  if (options.min_sqnr_db.value_or(0) > 0) given.push_back("min_sqnr_db");
  if (differs(options.max_float_share, QuantizeOptions{}.max_float_share))
    given.push_back("max_float_share");
  if (options.strict) given.push_back("strict");
  if (options.placement == PlacementMode::measured) given.push_back("placement 'measured'");
  if (given.empty()) return;
  fail<InvalidArgument>(where,
                        "{} {} no effect: models are judged here by other means than a trial run. "
                        "Leave {} out, or call quantize.",
                        fmt::join(given, ", "), given.size() == 1 ? "has" : "have",
                        given.size() == 1 ? "it" : "them");
}

std::vector<NoEffect> without_effect(const CalibrateOptions& options) {
  Findings out;
  const std::string name = "activations_range_estimator_params";
  const RangeEstimatorParameters& params = options.activations_range_estimator_params;
  check_end(name + ".min", params.min, false, out);
  check_end(name + ".max", params.max, false, out);
  out.report(!params.empty() && !reads_quantile(params.min) && !reads_quantile(params.max), name,
             "only quantiles are measured on demand; all else that estimators read is in every "
             "statistics file");
  return out.take();
}

}  // namespace eightbit
