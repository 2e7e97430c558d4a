// The fields of the option structs, each named once, for whoever reads, writes or binds them:
// options as JSON and the classes of Python are two visitors over these lists.
//
//   each_field(Of<QuantizeOptions>(), [&](const char* name, auto member) {
//     print(name, options.*member);
//   });
//
// Fields come in the order of the struct, under the name that they have everywhere. Groups of
// options are fields like others, and have lists of their own here.
#pragma once

#include <eightbit/options.h>

namespace eightbit {

// Names a struct of options.h.
template <typename Struct>
struct Of {};

template <typename Visit>
void each_field(Of<Subgraph>, Visit&& visit) {
  visit("inputs", &Subgraph::inputs);
  visit("outputs", &Subgraph::outputs);
}

template <typename Visit>
void each_field(Of<IgnoredScope>, Visit&& visit) {
  visit("names", &IgnoredScope::names);
  visit("patterns", &IgnoredScope::patterns);
  visit("types", &IgnoredScope::types);
  visit("subgraphs", &IgnoredScope::subgraphs);
  visit("validate", &IgnoredScope::validate);
}

template <typename Visit>
void each_field(Of<QuantizationParameters>, Visit&& visit) {
  visit("num_bits", &QuantizationParameters::num_bits);
  visit("mode", &QuantizationParameters::mode);
  visit("signedness_to_force", &QuantizationParameters::signedness_to_force);
  visit("per_channel", &QuantizationParameters::per_channel);
  visit("narrow_range", &QuantizationParameters::narrow_range);
}

template <typename Visit>
void each_field(Of<FP8QuantizationParameters>, Visit&& visit) {
  visit("destination_type", &FP8QuantizationParameters::destination_type);
}

template <typename Visit>
void each_field(Of<StatisticsCollectorParameters>, Visit&& visit) {
  visit("statistics_type", &StatisticsCollectorParameters::statistics_type);
  visit("aggregator_type", &StatisticsCollectorParameters::aggregator_type);
  visit("clipping_value", &StatisticsCollectorParameters::clipping_value);
  visit("quantile_outlier_prob", &StatisticsCollectorParameters::quantile_outlier_prob);
}

template <typename Visit>
void each_field(Of<RangeEstimatorParameters>, Visit&& visit) {
  visit("min", &RangeEstimatorParameters::min);
  visit("max", &RangeEstimatorParameters::max);
}

template <typename Visit>
void each_field(Of<AdvancedBiasCorrectionParameters>, Visit&& visit) {
  visit("apply_for_all_nodes", &AdvancedBiasCorrectionParameters::apply_for_all_nodes);
  visit("threshold", &AdvancedBiasCorrectionParameters::threshold);
}

template <typename Visit>
void each_field(Of<AdvancedSmoothQuantParameters>, Visit&& visit) {
  visit("convolution", &AdvancedSmoothQuantParameters::convolution);
  visit("matmul", &AdvancedSmoothQuantParameters::matmul);
}

template <typename Visit>
void each_field(Of<AdvancedParameters>, Visit&& visit) {
  visit("overflow_fix", &AdvancedParameters::overflow_fix);
  visit("quantize_outputs", &AdvancedParameters::quantize_outputs);
  visit("inplace_statistics", &AdvancedParameters::inplace_statistics);
  visit("disable_channel_alignment", &AdvancedParameters::disable_channel_alignment);
  visit("disable_bias_correction", &AdvancedParameters::disable_bias_correction);
  visit("batchwise_statistics", &AdvancedParameters::batchwise_statistics);
  visit("activations_quantization_params", &AdvancedParameters::activations_quantization_params);
  visit("weights_quantization_params", &AdvancedParameters::weights_quantization_params);
  visit("activations_fp8_params", &AdvancedParameters::activations_fp8_params);
  visit("weights_fp8_params", &AdvancedParameters::weights_fp8_params);
  visit("quantizer_propagation_rule", &AdvancedParameters::quantizer_propagation_rule);
  visit("activations_range_estimator_params",
        &AdvancedParameters::activations_range_estimator_params);
  visit("weights_range_estimator_params", &AdvancedParameters::weights_range_estimator_params);
  visit("bias_correction_params", &AdvancedParameters::bias_correction_params);
  visit("smooth_quant_alphas", &AdvancedParameters::smooth_quant_alphas);
  visit("compress_weights", &AdvancedParameters::compress_weights);
}

template <typename Visit>
void each_field(Of<QuantizeOptions>, Visit&& visit) {
  visit("mode", &QuantizeOptions::mode);
  visit("preset", &QuantizeOptions::preset);
  visit("target_device", &QuantizeOptions::target_device);
  visit("subset_size", &QuantizeOptions::subset_size);
  visit("fast_bias_correction", &QuantizeOptions::fast_bias_correction);
  visit("model_type", &QuantizeOptions::model_type);
  visit("ignored_scope", &QuantizeOptions::ignored_scope);
  visit("advanced_parameters", &QuantizeOptions::advanced_parameters);
  visit("recipe", &QuantizeOptions::recipe);
  visit("weight_rounding", &QuantizeOptions::weight_rounding);
  visit("trial_run", &QuantizeOptions::trial_run);
  visit("min_sqnr_db", &QuantizeOptions::min_sqnr_db);
  visit("max_float_share", &QuantizeOptions::max_float_share);
  visit("strict", &QuantizeOptions::strict);
  visit("placement", &QuantizeOptions::placement);
}

}  // namespace eightbit
