// The names of enumerated options, each in one table that both directions read.
#include <eightbit/accuracy_control.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"

namespace eightbit {
namespace {

template <typename Enum>
using Row = std::pair<Enum, std::string_view>;

// kOption: what the enumeration is called; kRows: in order of value
template <typename Enum>
struct Names;

template <>
struct Names<Engine> {
  static constexpr std::string_view kOption = "engine";
  static constexpr std::array<Row<Engine>, 3> kRows = {{{Engine::automatic, "auto"},
                                                        {Engine::openvino, "openvino"},
                                                        {Engine::onnxruntime, "onnxruntime"}}};
};
template <>
struct Names<TargetDevice> {
  static constexpr std::string_view kOption = "target_device";
  static constexpr std::array<Row<TargetDevice>, 8> kRows = {{{TargetDevice::any, "ANY"},
                                                              {TargetDevice::cpu, "CPU"},
                                                              {TargetDevice::cpu_spr, "CPU_SPR"},
                                                              {TargetDevice::gpu, "GPU"},
                                                              {TargetDevice::npu, "NPU"},
                                                              {TargetDevice::gna, "GNA"},
                                                              {TargetDevice::gna3, "GNA3"},
                                                              {TargetDevice::gna3_5, "GNA3.5"}}};
};
template <>
struct Names<Preset> {
  static constexpr std::string_view kOption = "preset";
  static constexpr std::array<Row<Preset>, 2> kRows = {
      {{Preset::performance, "performance"}, {Preset::mixed, "mixed"}}};
};
template <>
struct Names<ModelType> {
  static constexpr std::string_view kOption = "model_type";
  static constexpr std::array<Row<ModelType>, 1> kRows = {
      {{ModelType::transformer, "transformer"}}};
};
template <>
struct Names<QuantizationMode> {
  static constexpr std::string_view kOption = "mode";
  static constexpr std::array<Row<QuantizationMode>, 2> kRows = {
      {{QuantizationMode::fp8_e4m3, "fp8_e4m3"}, {QuantizationMode::fp8_e5m2, "fp8_e5m2"}}};
};
template <>
struct Names<QuantizationScheme> {
  static constexpr std::string_view kOption = "mode";
  static constexpr std::array<Row<QuantizationScheme>, 2> kRows = {
      {{QuantizationScheme::symmetric, "symmetric"},
       {QuantizationScheme::asymmetric, "asymmetric"}}};
};
template <>
struct Names<OverflowFix> {
  static constexpr std::string_view kOption = "overflow_fix";
  static constexpr std::array<Row<OverflowFix>, 3> kRows = {
      {{OverflowFix::enable, "enable"},
       {OverflowFix::first_layer_only, "first_layer_only"},
       {OverflowFix::disable, "disable"}}};
};
template <>
struct Names<FP8Type> {
  static constexpr std::string_view kOption = "destination_type";
  static constexpr std::array<Row<FP8Type>, 2> kRows = {
      {{FP8Type::f8e4m3, "f8e4m3"}, {FP8Type::f8e5m2, "f8e5m2"}}};
};
template <>
struct Names<QuantizerPropagationRule> {
  using Rule = QuantizerPropagationRule;
  static constexpr std::string_view kOption = "quantizer_propagation_rule";
  static constexpr std::array<Row<Rule>, 4> kRows = {
      {{Rule::do_not_merge_branches, "do_not_merge_branches"},
       {Rule::merge_if_all_branches_same, "merge_if_all_branches_same"},
       {Rule::merge_with_potential_requantization, "merge_with_potential_requantization"},
       {Rule::merge_all_in_one, "merge_all_in_one"}}};
};
template <>
struct Names<StatisticsType> {
  static constexpr std::string_view kOption = "statistics_type";
  static constexpr std::array<Row<StatisticsType>, 6> kRows = {
      {{StatisticsType::max, "max"},
       {StatisticsType::min, "min"},
       {StatisticsType::abs_max, "abs_max"},
       {StatisticsType::quantile, "quantile"},
       {StatisticsType::abs_quantile, "abs_quantile"},
       {StatisticsType::mean, "mean"}}};
};
template <>
struct Names<AggregatorType> {
  static constexpr std::string_view kOption = "aggregator_type";
  static constexpr std::array<Row<AggregatorType>, 7> kRows = {
      {{AggregatorType::mean, "mean"},
       {AggregatorType::max, "max"},
       {AggregatorType::min, "min"},
       {AggregatorType::median, "median"},
       {AggregatorType::mean_no_outliers, "mean_no_outliers"},
       {AggregatorType::median_no_outliers, "median_no_outliers"},
       {AggregatorType::histogram, "histogram"}}};
};
template <>
struct Names<Recipe> {
  static constexpr std::string_view kOption = "recipe";
  static constexpr std::array<Row<Recipe>, 2> kRows = {
      {{Recipe::eightbit, "eightbit"}, {Recipe::nncf, "nncf"}}};
};
template <>
struct Names<DropType> {
  static constexpr std::string_view kOption = "drop_type";
  static constexpr std::array<Row<DropType>, 2> kRows = {
      {{DropType::absolute, "absolute"}, {DropType::relative, "relative"}}};
};
template <>
struct Names<RestoreMode> {
  static constexpr std::string_view kOption = "restore_mode";
  static constexpr std::array<Row<RestoreMode>, 2> kRows = {
      {{RestoreMode::activations_and_weights, "activations_and_weights"},
       {RestoreMode::only_activations, "only_activations"}}};
};
template <>
struct Names<OnFailure> {
  static constexpr std::string_view kOption = "on_failure";
  static constexpr std::array<Row<OnFailure>, 2> kRows = {
      {{OnFailure::raise, "raise"}, {OnFailure::return_best, "return"}}};
};
template <>
struct Names<Metric> {
  static constexpr std::string_view kOption = "metric";
  static constexpr std::array<Row<Metric>, 5> kRows = {{{Metric::top1, "top1"},
                                                        {Metric::top5, "top5"},
                                                        {Metric::mse, "mse"},
                                                        {Metric::cosine, "cosine"},
                                                        {Metric::exact_text, "exact-text"}}};
};

template <>
struct Names<WeightRounding> {
  static constexpr std::string_view kOption = "weight_rounding";
  static constexpr std::array<Row<WeightRounding>, 2> kRows = {
      {{WeightRounding::nearest, "nearest"}, {WeightRounding::adaptive, "adaptive"}}};
};

template <>
struct Names<PlacementMode> {
  static constexpr std::string_view kOption = "placement";
  static constexpr std::array<Row<PlacementMode>, 2> kRows = {
      {{PlacementMode::rules, "rules"}, {PlacementMode::measured, "measured"}}};
};

template <typename Enum>
std::string_view name_of(Enum value) {
  return Names<Enum>::kRows[static_cast<size_t>(value)].second;
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string_view to_string(TargetDevice value) { return name_of(value); }
std::string_view to_string(Preset value) { return name_of(value); }
std::string_view to_string(ModelType value) { return name_of(value); }
std::string_view to_string(Engine value) { return name_of(value); }
std::string_view to_string(QuantizationMode value) { return name_of(value); }
std::string_view to_string(QuantizationScheme value) { return name_of(value); }
std::string_view to_string(OverflowFix value) { return name_of(value); }
std::string_view to_string(FP8Type value) { return name_of(value); }
std::string_view to_string(QuantizerPropagationRule value) { return name_of(value); }
std::string_view to_string(StatisticsType value) { return name_of(value); }
std::string_view to_string(AggregatorType value) { return name_of(value); }
std::string_view to_string(Recipe value) { return name_of(value); }
std::string_view to_string(WeightRounding value) { return name_of(value); }
std::string_view to_string(PlacementMode value) { return name_of(value); }
std::string_view to_string(DropType value) { return name_of(value); }
std::string_view to_string(RestoreMode value) { return name_of(value); }
std::string_view to_string(OnFailure value) { return name_of(value); }
std::string_view to_string(Metric value) { return name_of(value); }

template <typename Enum>
Enum parse(std::string_view text) {
  std::vector<std::string> allowed;
  for (const auto& [value, name] : Names<Enum>::kRows) {
    if (same_but_for_case(text, name)) return value;
    allowed.emplace_back(name);
  }
  fail<InvalidArgument>("options", "{} cannot be '{}'.{} Allowed: {}", Names<Enum>::kOption, text,
                        suggestion(text, allowed), fmt::join(allowed, ", "));
}

template Engine parse<Engine>(std::string_view);
template TargetDevice parse<TargetDevice>(std::string_view);
template Preset parse<Preset>(std::string_view);
template ModelType parse<ModelType>(std::string_view);
template QuantizationMode parse<QuantizationMode>(std::string_view);
template QuantizationScheme parse<QuantizationScheme>(std::string_view);
template OverflowFix parse<OverflowFix>(std::string_view);
template FP8Type parse<FP8Type>(std::string_view);
template QuantizerPropagationRule parse<QuantizerPropagationRule>(std::string_view);
template StatisticsType parse<StatisticsType>(std::string_view);
template AggregatorType parse<AggregatorType>(std::string_view);
template Recipe parse<Recipe>(std::string_view);
template WeightRounding parse<WeightRounding>(std::string_view);
template PlacementMode parse<PlacementMode>(std::string_view);
template DropType parse<DropType>(std::string_view);
template RestoreMode parse<RestoreMode>(std::string_view);
template OnFailure parse<OnFailure>(std::string_view);
template Metric parse<Metric>(std::string_view);

}  // namespace eightbit
