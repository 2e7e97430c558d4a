// Every option of quantization, with its default. One option has one name everywhere: the field
// here, the keyword in Python, the key in JSON and the flag of the command line (`--target-device`
// for `target_device`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

enum class TargetDevice { any, cpu, cpu_spr, gpu, npu };
// performance: symmetric activations; mixed: asymmetric ones
enum class Preset { performance, mixed };
enum class ModelType { transformer };
enum class QuantizationMode { fp8_e4m3, fp8_e5m2 };
enum class QuantizationScheme { symmetric, asymmetric };
enum class OverflowFix { enable, first_layer_only, disable };
enum class FP8Type { f8e4m3, f8e5m2 };
enum class QuantizerPropagationRule {
  do_not_merge_branches,
  merge_if_all_branches_same,
  merge_with_potential_requantization,
  merge_all_in_one
};
enum class StatisticsType { max, min, abs_max, quantile, abs_quantile, mean };
enum class AggregatorType {
  mean,
  max,
  min,
  median,
  mean_no_outliers,
  median_no_outliers,
  histogram
};
enum class Recipe {
  eightbit,  // the best known defaults of this project
  nncf       // the formulas and defaults of nncf.quantize 3.4
};

// All nodes on any path from one of `inputs` to one of `outputs`, both ends included.
struct Subgraph {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

// What must stay in floating point.
struct IgnoredScope {
  std::vector<std::string> names;  // node names, exactly
  // regular expressions (ECMAScript), matched from the start of a name
  std::vector<std::string> patterns;
  std::vector<std::string> types;  // op types, exactly
  std::vector<Subgraph> subgraphs;
  bool validate = true;  // a rule that matches nothing is an error

  bool empty() const {
    return names.empty() && patterns.empty() && types.empty() && subgraphs.empty();
  }
};

// Filters over what the device offers: a field that is set must be met.
struct QuantizationParameters {
  std::optional<int> num_bits;  // 2 to 16, where the device allows it
  std::optional<QuantizationScheme> mode;
  std::optional<bool> signedness_to_force;
  std::optional<bool> per_channel;
  std::optional<bool> narrow_range;
};

struct FP8QuantizationParameters {
  std::optional<FP8Type> destination_type;
};

struct StatisticsCollectorParameters {
  std::optional<StatisticsType> statistics_type;
  std::optional<AggregatorType> aggregator_type;
  std::optional<double> clipping_value;  // the range is clipped to [-value, value]
  double quantile_outlier_prob = 1e-4;

  bool empty() const { return !statistics_type && !aggregator_type && !clipping_value; }
};

struct RangeEstimatorParameters {
  StatisticsCollectorParameters min;
  StatisticsCollectorParameters max;

  bool empty() const { return min.empty() && max.empty(); }  // the recipe decides
};

struct AdvancedBiasCorrectionParameters {
  // for callers who know NNCF's option: it changes nothing
  bool apply_for_all_nodes = false;
  // recipe nncf: largest |shift / bias| that is applied
  std::optional<double> threshold;
};

// Negative: off for that family. Unset: chosen for each group by the error it will cause.
struct AdvancedSmoothQuantParameters {
  std::optional<double> convolution = -1.0;
  std::optional<double> matmul;
};

struct AdvancedParameters {
  std::optional<OverflowFix> overflow_fix;  // unset: decided by what the target can overflow
  bool quantize_outputs = false;
  // as it always is; for callers who know NNCF's option
  bool inplace_statistics = true;
  bool disable_channel_alignment = true;
  bool disable_bias_correction = false;
  // samples of a batch count one by one; false: in recipe nncf alone, and its default
  std::optional<bool> batchwise_statistics;
  std::optional<QuantizationParameters> activations_quantization_params;
  std::optional<QuantizationParameters> weights_quantization_params;
  std::optional<FP8QuantizationParameters> activations_fp8_params;
  std::optional<FP8QuantizationParameters> weights_fp8_params;
  QuantizerPropagationRule quantizer_propagation_rule = QuantizerPropagationRule::merge_all_in_one;
  RangeEstimatorParameters activations_range_estimator_params;
  RangeEstimatorParameters weights_range_estimator_params;
  AdvancedBiasCorrectionParameters bias_correction_params;
  AdvancedSmoothQuantParameters smooth_quant_alphas;
  // fold weights to INT8 constants; false leaves FakeQuantize
  bool compress_weights = true;
};

enum class WeightRounding {
  nearest,  // each weight to its nearest level
  // what rounding one weight does to an output, others make good: a second pass over a few dozen
  // samples
  adaptive
};

enum class PlacementMode {
  rules,  // what the target's kernels can do
  // and of that what pays on this machine, by the runtime's own times; a recipe file makes the same
  // model elsewhere
  measured
};

struct QuantizeOptions {
  std::optional<QuantizationMode> mode;  // set: FP8 through FakeConvert
  std::optional<Preset> preset;          // unset: the scheme with the smaller error
  TargetDevice target_device = TargetDevice::any;
  int64_t subset_size = 300;  // samples (not iterations of a loader)
  bool fast_bias_correction = true;
  // unset: transformer where there is attention among products (recipe eightbit)
  std::optional<ModelType> model_type;
  IgnoredScope ignored_scope;
  AdvancedParameters advanced_parameters;
  Recipe recipe = Recipe::eightbit;
  std::optional<WeightRounding> weight_rounding;  // unset: adaptive where it costs little
  // The result runs on a few kept samples as its users run it, by the runtime's defaults, beside
  // the float model (trial_run.h).
  bool trial_run = true;
  // Where an output of the trial run has less signal to noise, the layers that it comes from stay
  // in float. 0: off. Unset: 20, and with recipe nncf and FP8 off.
  std::optional<double> min_sqnr_db;
  // of the multiplications that min_sqnr_db may take out of 8 bits, 0 to 1
  double max_float_share = 0.5;
  // AccuracyNotReached, not a warning, where min_sqnr_db can not be held
  bool strict = false;
  PlacementMode placement = PlacementMode::rules;
};

// The names used in Python, JSON and on the command line; parse functions list what is allowed on
// failure.
std::string_view to_string(TargetDevice);
std::string_view to_string(Preset);
std::string_view to_string(ModelType);
std::string_view to_string(QuantizationMode);
std::string_view to_string(QuantizationScheme);
std::string_view to_string(OverflowFix);
std::string_view to_string(FP8Type);
std::string_view to_string(QuantizerPropagationRule);
std::string_view to_string(StatisticsType);
std::string_view to_string(AggregatorType);
std::string_view to_string(Recipe);
std::string_view to_string(WeightRounding);
std::string_view to_string(PlacementMode);

// parse<TargetDevice>("CPU"): case does not matter. Throws InvalidArgument with the allowed names.
template <typename Enum>
Enum parse(std::string_view text);

// JSON with the names of this header; unknown keys are an InvalidArgument that names the nearest
// known key.
std::string to_json(const QuantizeOptions& options);
QuantizeOptions options_from_json(std::string_view json);

// Throws InvalidArgument for values out of range and combinations that contradict each other, in
// which an option would have no effect. Options that do nothing for other reasons are logged as
// warnings by the run.
void validate(const QuantizeOptions& options);

}  // namespace eightbit
