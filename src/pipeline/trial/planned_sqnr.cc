#include "pipeline/trial/planned_sqnr.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "search/noise.h"
#include "search/noise_attribution.h"

namespace eightbit {

std::optional<double> planned_sqnr_db(const backends::Network& base, const Plan& plan,
                                      std::span<const Sample> samples, int threads) {
  backends::PlanComparison compared;
  compared.plan = &plan;
  for (ValueId output : search::noisy_outputs(base.graph()))
    compared.comparisons.push_back({output});
  size_t at = 0;
  const auto noise = measure_noise(
      base, std::move(compared), threads,
      [&] { return at == samples.size() ? std::nullopt : std::optional(samples[at++]); }, [] {});
  if (noise.empty()) return std::nullopt;
  double worst = std::numeric_limits<double>::infinity();
  for (const Noise& output : noise) worst = std::min(worst, output.sqnr_db());
  return worst;
}

}  // namespace eightbit
