#include "analysis/diagnosis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace eightbit {
namespace {

constexpr double kGood = 40, kWeak = 25;  // dB
constexpr double kHalf = 0.5, kChannelGain = 4, kAsymmetricGain = 2;
constexpr double kMostLeftOut = 0.1;  // share of layers that are proposed to stay in float

double noise_of(double db) { return std::pow(10.0, -db / 10); }

// A string literal of Python, which reads that of JSON.
std::string quoted(const std::string& name) {
  return nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A word of a shell.
std::string shell_word(const std::string& name) {
  std::string out = "'";
  for (char c : name) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Fix leave_out(const std::vector<std::string>& names) {
  std::vector<std::string> literals, flags;
  for (const std::string& name : names) {
    literals.push_back(quoted(name));
    flags.push_back("--ignored-names " + shell_word(name));
  }
  return {names.size() == 1
              ? "Leave it in floating point"
              : fmt::format("Leave the {} weakest layers in floating point", names.size()),
          fmt::format("ignored_scope=eightbit.IgnoredScope(names=[{}])", fmt::join(literals, ", ")),
          fmt::format("{}", fmt::join(flags, " "))};
}

Fix wider_ranges() {
  return {"Take in the outermost values, or calibrate with samples that are like these",
          "advanced_parameters=eightbit.AdvancedQuantizationParameters(activations_range_estimator_"
          "params="
          "eightbit.RangeEstimatorParametersSet.MINMAX)",
          "--activations-range-estimator-min-statistics-type min "
          "--activations-range-estimator-min-aggregator-type min "
          "--activations-range-estimator-max-statistics-type max "
          "--activations-range-estimator-max-aggregator-type max"};
}

Fix asymmetric_ranges() {
  return {"Give activations ranges that need not be symmetric",
          "preset=eightbit.QuantizationPreset.MIXED", "--preset mixed"};
}

Fix measured_biases() {
  return {"Correct biases with more samples, layer by layer", "fast_bias_correction=False",
          "--no-fast-bias-correction"};
}

Fix adaptive_weights() {
  return {"Round the weights of an output together",
          "weight_rounding=eightbit.WeightRounding.ADAPTIVE", "--weight-rounding adaptive"};
}

Fix smoothed_channels() {
  return {"Let SmoothQuant even out the channels", "model_type=eightbit.ModelType.TRANSFORMER",
          "--model-type transformer"};
}

Fix aligned_channels() {
  return {"Let channel alignment even out the channels of convolutions that follow each other",
          "advanced_parameters=eightbit.AdvancedQuantizationParameters(disable_channel_alignment="
          "False)",
          "--no-disable-channel-alignment"};
}

bool is_product(const LayerReport& layer) {
  return layer.type.find("MatMul") != std::string::npos || layer.type == "Gemm";
}
bool is_convolution(const LayerReport& layer) {
  return layer.type.find("Conv") != std::string::npos;
}

double error_of(const InputQuantizer& input) { return input.clipping_error + input.rounding_error; }

const InputQuantizer* worst_input(const LayerReport& layer) {
  const auto worst = std::ranges::max_element(layer.inputs, {}, error_of);
  return worst == layer.inputs.end() ? nullptr : &*worst;
}

void set(LayerReport& layer, Cause cause, std::string why, Fix fix) {
  layer.cause = cause;
  layer.why = std::move(why);
  layer.fix = std::move(fix);
}

void blame_clipping(LayerReport& layer, const InputQuantizer& input) {
  const bool too_narrow = input.unclipped_error < error_of(input);
  set(layer, Cause::clipping,
      fmt::format(
          "{:.3g} % of '{}' lie outside of [{:.4g}, {:.4g}] and make {:.0f} % of its error; {}",
          100 * input.clipped, input.value, input.low, input.high,
          100 * input.clipping_error / error_of(input),
          too_narrow ? "a range that takes them in would err less"
                     : "a range that takes them in would err more"),
      too_narrow ? wider_ranges() : layer.leave_out);
}

void blame_channel(LayerReport& layer, const InputQuantizer& input) {
  set(layer, Cause::outlier_channel,
      fmt::format("channel {} of {} of '{}' is so wide that the others get few levels: a range a "
                  "channel would err {:.1f} times less",
                  input.widest_channel, input.channels, input.value, input.channel_gain),
      is_product(layer)       ? smoothed_channels()
      : is_convolution(layer) ? aligned_channels()
                              : layer.leave_out);
}

void blame_rounding(LayerReport& layer, const InputQuantizer& input) {
  const bool lopsided = input.asymmetric_gain >= kAsymmetricGain;
  std::string why = fmt::format("{} levels in [{:.4g}, {:.4g}] are too coarse for '{}'",
                                input.levels, input.low, input.high, input.value);
  if (lopsided) why += fmt::format(", which stays within [{:.4g}, {:.4g}]", input.min, input.max);
  set(layer, Cause::rounding, std::move(why),
      lopsided && input.low < 0 && input.high > 0 ? asymmetric_ranges() : layer.leave_out);
}

void blame_input(LayerReport& layer, const InputQuantizer* input) {
  if (!input)
    return set(layer, Cause::rounding, "activations; the ranges of its quantizers are not known",
               layer.leave_out);
  if (input->channel_gain >= kChannelGain) return blame_channel(layer, *input);
  blame_rounding(layer, *input);
}

void find_cause(LayerReport& layer) {
  if (layer.quantized) layer.leave_out = leave_out({layer.name});
  if (!layer.alone_db || *layer.alone_db > kGood) return;
  const double weights =
      layer.weights_alone_db ? noise_of(*layer.weights_alone_db) / noise_of(*layer.alone_db) : 0;
  const InputQuantizer* input = worst_input(layer);
  if (weights < kHalf && input && input->clipping_error > 0 &&
      input->clipping_error >= input->rounding_error)
    return blame_clipping(layer, *input);
  if (layer.bias_shift >= kHalf)
    return set(
        layer, Cause::bias_shift,
        fmt::format("{:.0f} % of the noise is a constant of each channel", 100 * layer.bias_shift),
        measured_biases());
  if (weights >= kHalf)
    return set(
        layer, Cause::weight,
        fmt::format("the weights alone make {:.0f} % of the noise", 100 * std::min(weights, 1.0)),
        adaptive_weights());
  blame_input(layer, input);
}

// Options that help several layers, by how much noise they touch.
void propose_options(ModelReport& report) {
  std::map<std::string, std::pair<Fix, std::vector<const LayerReport*>>> by_option;
  for (const LayerReport& layer : report.layers) {
    if (layer.fix.empty() || layer.fix.python == layer.leave_out.python || *layer.alone_db > kWeak)
      continue;
    auto& [fix, layers] = by_option[layer.fix.python];
    fix = layer.fix;
    layers.push_back(&layer);
  }
  std::vector<std::pair<double, Fix>> ranked;
  for (auto& [key, entry] : by_option) {
    double noise = 0;
    for (const LayerReport* layer : entry.second) noise += noise_of(*layer->alone_db);
    entry.first.text +=
        fmt::format(" ({} layer{})", entry.second.size(), entry.second.size() == 1 ? "" : "s");
    ranked.emplace_back(noise, std::move(entry.first));
  }
  std::ranges::stable_sort(ranked, std::greater{}, &std::pair<double, Fix>::first);
  for (auto& [noise, fix] : ranked) report.fixes.push_back(std::move(fix));
}

void propose_ignored_scope(ModelReport& report) {
  std::vector<std::string> names;
  const auto most = std::max<size_t>(
      1, static_cast<size_t>(kMostLeftOut * static_cast<double>(report.layers.size())));
  for (const LayerReport& layer : report.layers)
    if (layer.alone_db && *layer.alone_db < kWeak && names.size() < most)
      names.push_back(layer.name);
  if (!names.empty()) report.fixes.push_back(leave_out(names));
}

// Layers that could not be measured alone come behind those that could.
double rank(const LayerReport& layer) {
  constexpr double kBehind = 1e6;
  if (layer.alone_db) return std::min(*layer.alone_db, kBehind);
  return kBehind + std::min(layer.accumulated_db.value_or(kBehind), kBehind);
}

}  // namespace

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::weight:
      return "weight";
    case Cause::clipping:
      return "clipping";
    case Cause::rounding:
      return "rounding";
    case Cause::outlier_channel:
      return "outlier channel";
    case Cause::bias_shift:
      return "bias shift";
    default:
      return "none";
  }
}

void diagnose(ModelReport& report) {
  for (LayerReport& layer : report.layers) find_cause(layer);
  std::ranges::stable_sort(report.layers, {}, rank);
  if (!report.float_check.problems.empty()) {
    report.notes.insert(
        report.notes.begin(),
        "The float model itself looks broken on these samples: see to it first. What follows "
        "says nothing about quantization.");
    return;
  }
  propose_options(report);
  propose_ignored_scope(report);
}

}  // namespace eightbit
