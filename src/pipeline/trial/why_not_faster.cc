#include "pipeline/trial/why_not_faster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>

#include "algorithms/weight_fit.h"
#include "base/error.h"
#include "base/log.h"
#include "kernels/processor.h"
#include "pipeline/placement_choice.h"

namespace eightbit {
namespace {

using backends::LayerPrecision;

constexpr double kFaster = 1.02, kSlower = 0.97;  // speedups
constexpr double kMuch = 0.25, kSome = 0.1;       // shares of the time
constexpr double kSmallLayer = 0.02;              // milliseconds

bool is_integer(const LayerPrecision& layer) {
  return layer.precision.find("i8") != std::string::npos ||
         layer.precision.find("u8") != std::string::npos;
}

// Milliseconds.
struct Spent {
  double all = 0, in_integers = 0, in_floats = 0, in_conversions = 0;
  int integer_layers = 0;
  std::map<std::string, double> float_types;

  explicit Spent(const std::vector<LayerPrecision>& executed) {
    for (const LayerPrecision& layer : executed) {
      all += layer.milliseconds;
      if (is_conversion(layer)) {
        in_conversions += layer.milliseconds;
      } else if (is_integer(layer)) {
        in_integers += layer.milliseconds;
        ++integer_layers;
      } else {
        in_floats += layer.milliseconds;
        float_types[layer.type] += layer.milliseconds;
      }
    }
  }

  // Those that take most, with their shares.
  std::string largest_float_types() const {
    std::vector<std::pair<double, std::string>> types;
    for (const auto& [type, time] : float_types) types.emplace_back(time, type);
    std::ranges::stable_sort(types, std::greater<>(), [](const auto& type) { return type.first; });
    std::vector<std::string> texts;
    for (const auto& [time, type] : types)
      if (texts.size() < 3 && time >= 0.05 * all)
        texts.push_back(fmt::format("{} {:.0f} %", type, 100 * time / all));
    return fmt::format("{}", fmt::join(texts, ", "));
  }
};

std::vector<std::string> causes(const TrialRun& trial, const Spent& spent, bool integer_products) {
  std::vector<std::string> out;
  if (!integer_products)
    out.emplace_back(
        "this processor, as the runtime uses it, has no instructions for products of 8 bits (VNNI, "
        "AMX)");
  if (spent.integer_layers == 0) out.emplace_back("no layer runs in 8 bits");
  if (spent.in_floats > kMuch * spent.all)
    out.push_back(fmt::format("{:.0f} % of the time goes into layers in floats ({})",
                              100 * spent.in_floats / spent.all, spent.largest_float_types()));
  if (spent.in_conversions > kSome * spent.all)
    out.push_back(
        fmt::format("{:.0f} % of the time goes into conversions between types and layouts",
                    100 * spent.in_conversions / spent.all));
  if (spent.integer_layers > 0 && spent.in_integers < kSmallLayer * spent.integer_layers)
    out.push_back(
        fmt::format("the {} layers in 8 bits are small, {:.3f} ms each: fixed costs decide",
                    spent.integer_layers, spent.in_integers / spent.integer_layers));
  if (trial.precision != "f32" && trial.speedup_over_f32() > kFaster)
    out.push_back(fmt::format("the float model runs in {} here", trial.precision));
  if (out.empty()) out.emplace_back("single layers take longer in 8 bits than in floats");
  return out;
}

std::vector<std::string> remedies(const TrialRun& trial, PlacementMode placement) {
  std::vector<std::string> out;
  if (placement != PlacementMode::measured)
    out.emplace_back("placement 'measured' leaves in float what does not pay on this machine");
  if (trial.float_share > kMuch)
    out.push_back(fmt::format(
        "{:.0f} % of the multiplications are left in float: a lower min_sqnr_db frees some of them",
        100 * trial.float_share));
  return out;
}

}  // namespace

bool has_integer_products() {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  const std::string_view isa = limit == nullptr ? "" : limit;
  const bool lowered = isa == "SSE41" || isa == "AVX" || isa == "AVX2" || isa == "AVX512_CORE";
  return !lowered && !processor_overflows();
}

bool is_not_faster(const TrialRun& trial) {
  return trial.milliseconds > 0 && trial.speedup() < kFaster;
}

std::string why_not_faster(const TrialRun& trial, const std::vector<LayerPrecision>& executed,
                           bool integer_products, PlacementMode placement) {
  const Spent spent(executed);
  if (spent.all <= 0) return "";
  std::string text = fmt::format("{}", fmt::join(causes(trial, spent, integer_products), "; "));
  const auto help = remedies(trial, placement);
  return help.empty() ? text : fmt::format("{}. {}", text, fmt::join(help, "; "));
}

void explain_speed(const backends::Network& quantized, const Sample& sample,
                   PlacementMode placement, TrialRun& trial) {
  if (!is_not_faster(trial)) return;
  try {
    const auto executed =
        quantized.executed_precisions(sample, backends::FloatPrecision::by_default);
    trial.why_not_faster = why_not_faster(trial, executed, has_integer_products(), placement);
  } catch (const Error& error) {
    log(LogLevel::debug, "layers of the quantized model: {}", error.what());
    return;
  }
  if (trial.speedup() < kSlower)
    log(LogLevel::warning,
        "the quantized model is slower here than the float model, {:.2f} times as fast: {}",
        trial.speedup(), trial.why_not_faster);
}

}  // namespace eightbit
