// The fields of the option structs, each named once: `visit` is called with every key and field, in
// order. Reading and writing JSON are two visitors over the same lists.
#pragma once

#include <eightbit/options.h>

namespace eightbit {

template <typename Struct>
struct Fields;  // specialized for every struct of options.h

template <>
struct Fields<Subgraph> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("inputs", s.inputs);
    visit("outputs", s.outputs);
  }
};

template <>
struct Fields<IgnoredScope> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("names", s.names);
    visit("patterns", s.patterns);
    visit("types", s.types);
    visit("subgraphs", s.subgraphs);
    visit("validate", s.validate);
  }
};

template <>
struct Fields<QuantizationParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("num_bits", s.num_bits);
    visit("mode", s.mode);
    visit("signedness_to_force", s.signedness_to_force);
    visit("per_channel", s.per_channel);
    visit("narrow_range", s.narrow_range);
  }
};

template <>
struct Fields<FP8QuantizationParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("destination_type", s.destination_type);
  }
};

template <>
struct Fields<StatisticsCollectorParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("statistics_type", s.statistics_type);
    visit("aggregator_type", s.aggregator_type);
    visit("clipping_value", s.clipping_value);
    visit("quantile_outlier_prob", s.quantile_outlier_prob);
  }
};

template <>
struct Fields<RangeEstimatorParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("min", s.min);
    visit("max", s.max);
  }
};

template <>
struct Fields<AdvancedBiasCorrectionParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("apply_for_all_nodes", s.apply_for_all_nodes);
    visit("threshold", s.threshold);
  }
};

template <>
struct Fields<AdvancedSmoothQuantParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("convolution", s.convolution);
    visit("matmul", s.matmul);
  }
};

template <>
struct Fields<AdvancedParameters> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("overflow_fix", s.overflow_fix);
    visit("quantize_outputs", s.quantize_outputs);
    visit("inplace_statistics", s.inplace_statistics);
    visit("disable_channel_alignment", s.disable_channel_alignment);
    visit("disable_bias_correction", s.disable_bias_correction);
    visit("batchwise_statistics", s.batchwise_statistics);
    visit("activations_quantization_params", s.activations_quantization_params);
    visit("weights_quantization_params", s.weights_quantization_params);
    visit("activations_fp8_params", s.activations_fp8_params);
    visit("weights_fp8_params", s.weights_fp8_params);
    visit("quantizer_propagation_rule", s.quantizer_propagation_rule);
    visit("activations_range_estimator_params", s.activations_range_estimator_params);
    visit("weights_range_estimator_params", s.weights_range_estimator_params);
    visit("bias_correction_params", s.bias_correction_params);
    visit("smooth_quant_alphas", s.smooth_quant_alphas);
    visit("compress_weights", s.compress_weights);
  }
};

template <>
struct Fields<QuantizeOptions> {
  template <typename S, typename Visit>
  static void each(S& s, Visit&& visit) {
    visit("mode", s.mode);
    visit("preset", s.preset);
    visit("target_device", s.target_device);
    visit("subset_size", s.subset_size);
    visit("fast_bias_correction", s.fast_bias_correction);
    visit("model_type", s.model_type);
    visit("ignored_scope", s.ignored_scope);
    visit("advanced_parameters", s.advanced_parameters);
    visit("recipe", s.recipe);
    visit("weight_rounding", s.weight_rounding);
    visit("trial_run", s.trial_run);
    visit("min_sqnr_db", s.min_sqnr_db);
    visit("max_float_share", s.max_float_share);
    visit("strict", s.strict);
    visit("placement", s.placement);
  }
};

}  // namespace eightbit
