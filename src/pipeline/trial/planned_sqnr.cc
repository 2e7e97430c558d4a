#include "pipeline/trial/planned_sqnr.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "search/noise.h"
#include "search/noise_attribution.h"

namespace eightbit {

std::optional<double> planned_sqnr_db(const backends::Network& base, const Plan& plan,
                                      const std::function<std::optional<Sample>()>& next,
                                      int threads) {
  backends::PlanComparison compared;
  compared.plan = &plan;
  for (ValueId output : search::noisy_outputs(base.graph()))
    compared.comparisons.push_back({output});
  const auto noise = measure_noise(base, std::move(compared), threads, next, [] {});
  if (noise.empty()) return std::nullopt;
  double worst = std::numeric_limits<double>::infinity();
  for (const Noise& output : noise) worst = std::min(worst, output.sqnr_db());
  return worst;
}

}  // namespace eightbit
