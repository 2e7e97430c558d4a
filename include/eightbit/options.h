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

// The device whose INT8 kernels the quantizers must suit. `any` is the same as `cpu`; `cpu_spr`:
// CPUs from Sapphire Rapids on, for which products of activations stay quantized in transformers.
// gna, gna3, gna3_5: accelerators for speech, with 16-bit activations, and weights of 8 bits where
// the preset is performance and the device has them, else of 16. No OpenVINO since 2024.0 has their
// plug-in: the model runs on a CPU, which computes what they would.
enum class TargetDevice { any, cpu, cpu_spr, gpu, npu, gna, gna3, gna3_5 };

constexpr bool is_gna(TargetDevice device) {
  return device == TargetDevice::gna || device == TargetDevice::gna3 ||
         device == TargetDevice::gna3_5;
}

// The scheme of activations. performance: symmetric; mixed: asymmetric. Weights are symmetric in
// both.
enum class Preset { performance, mixed };

// What kind of network the model is. transformer: SmoothQuant, and fewer ops around attention.
enum class ModelType { transformer };

// Instead of INT8: 8-bit floating point with 3 or 2 bits of mantissa, as FakeConvert.
enum class QuantizationMode { fp8_e4m3, fp8_e5m2 };

// symmetric: zero is the middle of the range, and a zero point is 0 or, for values that are never
// negative, the lowest level. asymmetric: the range begins where the data does, and holds zero.
enum class QuantizationScheme { symmetric, asymmetric };

// Which layers get weights in half of their range, so that sums of two products in 16 bits, which
// CPUs without VNNI or AMX form, cannot overflow; "Half range" in docs/quantization.md.
// first_layer_only: convolutions that read an input of the model.
enum class OverflowFix { enable, first_layer_only, disable };

// Bits of exponent and mantissa of FP8: the largest numbers are 448 and 57344.
enum class FP8Type { f8e4m3, f8e5m2 };

// When the quantizers of several readers of a value become one.
enum class QuantizerPropagationRule {
  do_not_merge_branches,                // never
  merge_if_all_branches_same,           // where all ask for the same
  merge_with_potential_requantization,  // where all accept it; some readers round once more
  merge_all_in_one                      // what all of them allow, where there is such a thing
};

// What is taken of one sample. quantile: `quantile_outlier_prob` of the values lie beyond it. In a
// symmetric scheme max and quantile of the upper end are those of |x|. mean is refused: it is no
// end of a range.
enum class StatisticsType { max, min, abs_max, quantile, abs_quantile, mean };

// What is made of the numbers of all samples. *_no_outliers: of those between the quantiles
// `quantile_outlier_prob` and one minus it. histogram: the range of least expected squared error
// over all values; it sets both ends at once.
enum class AggregatorType {
  mean,
  max,
  min,
  median,
  mean_no_outliers,
  median_no_outliers,
  histogram
};

// Whose formulas and defaults are used where an option leaves the choice.
enum class Recipe {
  eightbit,  // the best known defaults of this project
  nncf       // the formulas and defaults of nncf.quantize 3.4
};

// All nodes on any path from one of `inputs` to one of `outputs`, both ends included. Node names,
// exactly; neither list may be empty.
struct Subgraph {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

// What must stay in floating point. The rules add up.
struct IgnoredScope {
  std::vector<std::string> names;  // node names, exactly
  // regular expressions (ECMAScript), matched from the start of a name
  std::vector<std::string> patterns;
  std::vector<std::string> types;  // op types as the framework calls them, exactly
  std::vector<Subgraph> subgraphs;
  // A rule that matches nothing is an InvalidArgument that names what is near; false: no rule is
  // one.
  bool validate = true;

  bool empty() const {
    return names.empty() && patterns.empty() && types.empty() && subgraphs.empty();
  }
};

// Filters over what the device offers: a field that is set must be met. Where nothing is left for
// an op, the run fails with InvalidArgument and says what the device offers.
struct QuantizationParameters {
  std::optional<int> num_bits;  // 2 to 16, where the device allows it
  std::optional<QuantizationScheme> mode;
  // Whether the integers are signed, whatever the data says.
  std::optional<bool> signedness_to_force;
  // A range for each channel, or one for all.
  std::optional<bool> per_channel;
  // Without the lowest level: -127 to 127.
  std::optional<bool> narrow_range;
};

// For the FP8 modes. Unset: the type of the mode.
struct FP8QuantizationParameters {
  std::optional<FP8Type> destination_type;
};

// How one end of a range is estimated. Unset fields leave the choice to the recipe.
struct StatisticsCollectorParameters {
  std::optional<StatisticsType> statistics_type;
  std::optional<AggregatorType> aggregator_type;
  // The range is clipped to [-value, value]; above 0, in the units of the value.
  std::optional<double> clipping_value;
  // Share of the values of a sample (quantile) or of the samples (*_no_outliers) that is left out,
  // above 0 and below 0.5.
  double quantile_outlier_prob = 1e-4;

  bool empty() const { return !statistics_type && !aggregator_type && !clipping_value; }
};

// How both ends are. The aggregator `histogram` must stand at both. Of a weight, which is one
// tensor, only the statistic, clipping_value and `histogram` have a meaning.
struct RangeEstimatorParameters {
  StatisticsCollectorParameters min;
  StatisticsCollectorParameters max;

  bool empty() const { return min.empty() && max.empty(); }  // the recipe decides
};

struct AdvancedBiasCorrectionParameters {
  // For callers who know NNCF's option: it changes nothing, and a note says so.
  bool apply_for_all_nodes = false;
  // Recipe nncf with fast_bias_correction: the largest |shift / bias| that is applied, from 0 on.
  // Unset: 2, as in NNCF. Recipe eightbit refuses it: it corrects by what it has measured.
  std::optional<double> threshold;
};

// SmoothQuant's alpha for each family of layers, 0 to 1: how much of the spread of the activations
// moves into the weights (Xiao et al., arXiv 2211.10438). Negative: off for that family. Unset:
// chosen for each group by the error it will cause.
// matmul: transformers only; recipe nncf takes 0.95. convolution: where it is unset, those behind
// Swish and its like whose input nothing else reads, in runtimes whose quantizers take a scale by
// channel for nothing (OpenVINO's), unless channels are aligned or ranges are estimated as the
// caller says; in recipe nncf it is off where it is unset, and for transformers only.
struct AdvancedSmoothQuantParameters {
  std::optional<double> convolution;
  std::optional<double> matmul;
};

// For fine-tuning. Combinations in which a field would have no effect are refused by validate() or
// told by the run.
struct AdvancedParameters {
  // Unset: decided by what the target can overflow, pair by pair of weights.
  std::optional<OverflowFix> overflow_fix;
  // Quantizers in front of the model's results, too.
  bool quantize_outputs = false;
  // For callers who know NNCF's option: what is measured is always reduced inside the runtime.
  bool inplace_statistics = true;
  // Off by default: it pays for few models, and asks for quantiles to be measured (Meller et al.,
  // arXiv 1902.01917).
  bool disable_channel_alignment = true;
  bool disable_bias_correction = false;
  // Whether the items of a batch count one by one. Unset: they do with recipe eightbit, where false
  // changes nothing; with recipe nncf a batch is one sample.
  std::optional<bool> batchwise_statistics;
  // Of INT8; the FP8 modes take the two below.
  std::optional<QuantizationParameters> activations_quantization_params;
  std::optional<QuantizationParameters> weights_quantization_params;
  std::optional<FP8QuantizationParameters> activations_fp8_params;
  std::optional<FP8QuantizationParameters> weights_fp8_params;
  QuantizerPropagationRule quantizer_propagation_rule = QuantizerPropagationRule::merge_all_in_one;
  // Empty: recipe eightbit takes the range of least expected error over a histogram, per channel
  // and with recipe nncf minima and maxima; "Ranges" in docs/quantization.md.
  RangeEstimatorParameters activations_range_estimator_params;
  RangeEstimatorParameters weights_range_estimator_params;
  AdvancedBiasCorrectionParameters bias_correction_params;
  AdvancedSmoothQuantParameters smooth_quant_alphas;
  // Folds weights to INT8 constants; false leaves FakeQuantize on float weights.
  bool compress_weights = true;
};

// How weights become integers.
enum class WeightRounding {
  nearest,  // each weight to its nearest level
  // The weights of an output together: what rounding one does to the output, others make good.
  // Takes a second pass over a few dozen samples ("Rounded together" in docs/quantization.md).
  adaptive
};

// What decides where quantizers go.
enum class PlacementMode {
  rules,  // what the target's kernels can do
  // And of that what pays on this machine, by the runtime's own times. A recipe file makes the same
  // model elsewhere.
  measured
};

// All that decides what the result is. How a run is carried out stands in RunOptions (run.h).
struct QuantizeOptions {
  // Set: FP8 through FakeConvert, for targets any and cpu. Unset: INT8.
  std::optional<QuantizationMode> mode;
  // Unset: for each tensor the scheme with the smaller error; recipe nncf: performance, and mixed
  // for transformers.
  std::optional<Preset> preset;
  TargetDevice target_device = TargetDevice::any;
  // Samples that are measured: items of batches, not iterations of a loader. Fewer where the data
  // ends. 0: until what is measured has settled. Statistics that are given have their own number.
  int64_t subset_size = 300;
  // True: biases are corrected by 16 kept samples (recipe nncf: in closed form, by none). False: by
  // 64, layers that are not helped stay as they are, and all weights are rounded together.
  bool fast_bias_correction = true;
  // Unset: transformer where there is attention among products (recipe eightbit).
  std::optional<ModelType> model_type;
  IgnoredScope ignored_scope;
  AdvancedParameters advanced_parameters;
  Recipe recipe = Recipe::eightbit;
  // Unset: adaptive where it costs little, which are convolutions whose outputs sum over few
  // values. adaptive is refused with FP8 and recipe nncf.
  std::optional<WeightRounding> weight_rounding;
  // The result runs on a few kept samples as its users run it, by the runtime's defaults, beside
  // the float model (trial_run.h).
  bool trial_run = true;
  // Where an output of the trial run has less signal to noise, the layers that it comes from stay
  // in float. In dB, to 200. 0: off. Unset: 20, and with recipe nncf and FP8 off.
  std::optional<double> min_sqnr_db;
  // Of the multiplications that min_sqnr_db may take out of 8 bits, 0 to 1.
  double max_float_share = 0.5;
  // AccuracyNotReached (accuracy_control.h), not a warning, where min_sqnr_db cannot be held.
  bool strict = false;
  PlacementMode placement = PlacementMode::rules;
};

// The names used in Python, JSON and on the command line.
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

// JSON with the names of this header: groups are objects, choices their names, and null or a
// missing key leaves the default. Reading throws InvalidArgument for text that is no JSON or larger
// than 16 MiB, for values of another type, and for unknown keys, of which it names the nearest
// known one.
std::string to_json(const QuantizeOptions& options);
QuantizeOptions options_from_json(std::string_view json);

// Throws InvalidArgument for values out of range and combinations that contradict each other, in
// which an option would have no effect. Options that do nothing for other reasons are logged as
// warnings by the run.
void validate(const QuantizeOptions& options);

}  // namespace eightbit
