#include "backends/measurement.h"

#include <algorithm>
#include <thread>

namespace eightbit::backends {

std::span<const Tap> taps_of(const Measurement& measurement) {
  const auto* taps = std::get_if<Taps>(&measurement);
  return taps ? std::span(taps->taps) : std::span<const Tap>();
}

std::span<const BiasProbe> probes_of(const Measurement& measurement) {
  const auto* probes = std::get_if<Probes>(&measurement);
  return probes ? std::span(probes->probes) : std::span<const BiasProbe>();
}

std::span<const Comparison> comparisons_of(const Measurement& measurement) {
  using All = std::span<const Comparison>;
  return std::visit(
      Overloads{[](const PlanComparison& compared) { return All(compared.comparisons); },
                [](const NetworkComparison& compared) { return All(compared.comparisons); },
                [](const auto&) { return All(); }},
      measurement);
}

bool one_at_a_time(const Measurement& measurement) {
  return std::visit(
      Overloads{[](const Taps& taps) { return taps.outputs; },
                [](const LayerErrors&) { return true; }, [](const LayerShapes&) { return true; },
                [](const auto&) { return false; }},
      measurement);
}

bool side_by_side(const Measurement& measurement) {
  return !comparisons_of(measurement).empty() || std::holds_alternative<LayerErrors>(measurement);
}

bool in_integers(const Measurement& measurement) {
  const auto* compared = std::get_if<NetworkComparison>(&measurement);
  return compared && compared->integer_arithmetic;
}

std::vector<int64_t> record_sizes(const Measurement& measurement) {
  std::vector<int64_t> sizes;
  for (const Tap& tap : taps_of(measurement)) sizes.push_back(tap.record_size());
  for (const BiasProbe& probe : probes_of(measurement)) sizes.push_back(probe.channels);
  for (const Comparison& one : comparisons_of(measurement)) sizes.push_back(one.record_size());
  return sizes;
}

int RunSettings::thread_count() const {
  return threads > 0 ? threads
                     : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace eightbit::backends
