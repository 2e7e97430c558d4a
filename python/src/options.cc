#include <eightbit/options.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

// The members have the names that NNCF's users know; eightbit/parameters.py gives them their
// values.
void bind_enums(nb::module_& module) {
  nb::enum_<TargetDevice>(module, "TargetDevice")
      .value("ANY", TargetDevice::any)
      .value("CPU", TargetDevice::cpu)
      .value("CPU_SPR", TargetDevice::cpu_spr)
      .value("GPU", TargetDevice::gpu)
      .value("NPU", TargetDevice::npu);
  nb::enum_<Preset>(module, "QuantizationPreset")
      .value("PERFORMANCE", Preset::performance)
      .value("MIXED", Preset::mixed);
  nb::enum_<ModelType>(module, "ModelType").value("TRANSFORMER", ModelType::transformer);
  nb::enum_<QuantizationMode>(module, "QuantizationMode")
      .value("FP8_E4M3", QuantizationMode::fp8_e4m3)
      .value("FP8_E5M2", QuantizationMode::fp8_e5m2);
  nb::enum_<QuantizationScheme>(module, "QuantizationScheme")
      .value("SYMMETRIC", QuantizationScheme::symmetric)
      .value("ASYMMETRIC", QuantizationScheme::asymmetric);
  nb::enum_<OverflowFix>(module, "OverflowFix")
      .value("ENABLE", OverflowFix::enable)
      .value("FIRST_LAYER", OverflowFix::first_layer_only)
      .value("DISABLE", OverflowFix::disable);
  nb::enum_<FP8Type>(module, "FP8Type")
      .value("E4M3", FP8Type::f8e4m3)
      .value("E5M2", FP8Type::f8e5m2);
  nb::enum_<QuantizerPropagationRule>(module, "QuantizerPropagationRule")
      .value("DO_NOT_MERGE_BRANCHES", QuantizerPropagationRule::do_not_merge_branches)
      .value("MERGE_IF_ALL_BRANCHES_SAME", QuantizerPropagationRule::merge_if_all_branches_same)
      .value("MERGE_WITH_POTENTIAL_REQUANTIZATION",
             QuantizerPropagationRule::merge_with_potential_requantization)
      .value("MERGE_ALL_IN_ONE", QuantizerPropagationRule::merge_all_in_one);
  nb::enum_<StatisticsType>(module, "StatisticsType")
      .value("MAX", StatisticsType::max)
      .value("MIN", StatisticsType::min)
      .value("ABS_MAX", StatisticsType::abs_max)
      .value("QUANTILE", StatisticsType::quantile)
      .value("ABS_QUANTILE", StatisticsType::abs_quantile)
      .value("MEAN", StatisticsType::mean);
  nb::enum_<AggregatorType>(module, "AggregatorType")
      .value("MEAN", AggregatorType::mean)
      .value("MAX", AggregatorType::max)
      .value("MIN", AggregatorType::min)
      .value("MEDIAN", AggregatorType::median)
      .value("MEAN_NO_OUTLIERS", AggregatorType::mean_no_outliers)
      .value("MEDIAN_NO_OUTLIERS", AggregatorType::median_no_outliers)
      .value("HISTOGRAM", AggregatorType::histogram);
  nb::enum_<WeightRounding>(module, "WeightRounding")
      .value("NEAREST", WeightRounding::nearest)
      .value("ADAPTIVE", WeightRounding::adaptive);
  nb::enum_<PlacementMode>(module, "PlacementMode")
      .value("RULES", PlacementMode::rules)
      .value("MEASURED", PlacementMode::measured);
  nb::enum_<Recipe>(module, "Recipe")
      .value("EIGHTBIT", Recipe::eightbit)
      .value("NNCF", Recipe::nncf);
}

void bind_scopes(nb::module_& module) {
  nb::class_<Subgraph>(module, "Subgraph")
      .def(nb::init<>())
      .def_rw("inputs", &Subgraph::inputs)
      .def_rw("outputs", &Subgraph::outputs);
  nb::class_<IgnoredScope>(module, "IgnoredScope")
      .def(nb::init<>())
      .def_rw("names", &IgnoredScope::names)
      .def_rw("patterns", &IgnoredScope::patterns)
      .def_rw("types", &IgnoredScope::types)
      .def_rw("subgraphs", &IgnoredScope::subgraphs)
      .def_rw("validate", &IgnoredScope::validate);
}

void bind_parameter_groups(nb::module_& module) {
  nb::class_<QuantizationParameters>(module, "QuantizationParameters")
      .def(nb::init<>())
      .def_rw("num_bits", &QuantizationParameters::num_bits, nb::arg().none())
      .def_rw("mode", &QuantizationParameters::mode, nb::arg().none())
      .def_rw("signedness_to_force", &QuantizationParameters::signedness_to_force, nb::arg().none())
      .def_rw("per_channel", &QuantizationParameters::per_channel, nb::arg().none())
      .def_rw("narrow_range", &QuantizationParameters::narrow_range, nb::arg().none());
  nb::class_<FP8QuantizationParameters>(module, "FP8QuantizationParameters")
      .def(nb::init<>())
      .def_rw("destination_type", &FP8QuantizationParameters::destination_type, nb::arg().none());
  nb::class_<StatisticsCollectorParameters>(module, "StatisticsCollectorParameters")
      .def(nb::init<>())
      .def_rw("statistics_type", &StatisticsCollectorParameters::statistics_type, nb::arg().none())
      .def_rw("aggregator_type", &StatisticsCollectorParameters::aggregator_type, nb::arg().none())
      .def_rw("clipping_value", &StatisticsCollectorParameters::clipping_value, nb::arg().none())
      .def_rw("quantile_outlier_prob", &StatisticsCollectorParameters::quantile_outlier_prob);
  nb::class_<RangeEstimatorParameters>(module, "RangeEstimatorParameters")
      .def(nb::init<>())
      .def_rw("min", &RangeEstimatorParameters::min)
      .def_rw("max", &RangeEstimatorParameters::max);
  nb::class_<AdvancedBiasCorrectionParameters>(module, "AdvancedBiasCorrectionParameters")
      .def(nb::init<>())
      .def_rw("apply_for_all_nodes", &AdvancedBiasCorrectionParameters::apply_for_all_nodes)
      .def_rw("threshold", &AdvancedBiasCorrectionParameters::threshold, nb::arg().none());
  nb::class_<AdvancedSmoothQuantParameters>(module, "AdvancedSmoothQuantParameters")
      .def(nb::init<>())
      .def_rw("convolution", &AdvancedSmoothQuantParameters::convolution, nb::arg().none())
      .def_rw("matmul", &AdvancedSmoothQuantParameters::matmul, nb::arg().none());
}

void bind_advanced(nb::module_& module) {
  nb::class_<AdvancedParameters>(module, "AdvancedQuantizationParameters")
      .def(nb::init<>())
      .def_rw("overflow_fix", &AdvancedParameters::overflow_fix, nb::arg().none())
      .def_rw("quantize_outputs", &AdvancedParameters::quantize_outputs)
      .def_rw("inplace_statistics", &AdvancedParameters::inplace_statistics)
      .def_rw("disable_channel_alignment", &AdvancedParameters::disable_channel_alignment)
      .def_rw("disable_bias_correction", &AdvancedParameters::disable_bias_correction)
      .def_rw("batchwise_statistics", &AdvancedParameters::batchwise_statistics, nb::arg().none())
      .def_rw("activations_quantization_params",
              &AdvancedParameters::activations_quantization_params, nb::arg().none())
      .def_rw("weights_quantization_params", &AdvancedParameters::weights_quantization_params,
              nb::arg().none())
      .def_rw("activations_fp8_params", &AdvancedParameters::activations_fp8_params,
              nb::arg().none())
      .def_rw("weights_fp8_params", &AdvancedParameters::weights_fp8_params, nb::arg().none())
      .def_rw("quantizer_propagation_rule", &AdvancedParameters::quantizer_propagation_rule)
      .def_rw("activations_range_estimator_params",
              &AdvancedParameters::activations_range_estimator_params)
      .def_rw("weights_range_estimator_params", &AdvancedParameters::weights_range_estimator_params)
      .def_rw("bias_correction_params", &AdvancedParameters::bias_correction_params)
      .def_rw("smooth_quant_alphas", &AdvancedParameters::smooth_quant_alphas)
      .def_rw("compress_weights", &AdvancedParameters::compress_weights);
}

}  // namespace

void bind_options(nb::module_& module) {
  bind_enums(module);
  bind_scopes(module);
  bind_parameter_groups(module);
  bind_advanced(module);
  nb::class_<QuantizeOptions>(module, "QuantizeOptions")
      .def(nb::init<>())
      .def_rw("mode", &QuantizeOptions::mode, nb::arg().none())
      .def_rw("preset", &QuantizeOptions::preset, nb::arg().none())
      .def_rw("target_device", &QuantizeOptions::target_device)
      .def_rw("subset_size", &QuantizeOptions::subset_size)
      .def_rw("fast_bias_correction", &QuantizeOptions::fast_bias_correction)
      .def_rw("model_type", &QuantizeOptions::model_type, nb::arg().none())
      .def_rw("ignored_scope", &QuantizeOptions::ignored_scope)
      .def_rw("advanced_parameters", &QuantizeOptions::advanced_parameters)
      .def_rw("recipe", &QuantizeOptions::recipe)
      .def_rw("weight_rounding", &QuantizeOptions::weight_rounding)
      .def_rw("trial_run", &QuantizeOptions::trial_run)
      .def_rw("min_sqnr_db", &QuantizeOptions::min_sqnr_db, nb::arg().none())
      .def_rw("max_float_share", &QuantizeOptions::max_float_share)
      .def_rw("strict", &QuantizeOptions::strict)
      .def_rw("placement", &QuantizeOptions::placement)
      .def("to_json", [](const QuantizeOptions& options) { return to_json(options); })
      .def_static(
          "from_json", [](const std::string& json) { return options_from_json(json); },
          nb::arg("json"))
      .def("validate", [](const QuantizeOptions& options) { validate(options); });
}

}  // namespace eightbit::python
