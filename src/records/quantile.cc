#include "records/quantile.h"

#include <algorithm>

#include "base/error.h"

namespace eightbit::records {

double quantile(std::span<float> values, double p) {
  EIGHTBIT_CHECK(!values.empty() && p >= 0 && p <= 1, "quantile {} of {} values", p, values.size());
  const double at = p * static_cast<double>(values.size() - 1);
  const auto below = values.begin() + static_cast<int64_t>(at);
  std::nth_element(values.begin(), below, values.end());
  const double lower = *below;
  if (below + 1 == values.end()) return lower;
  const double upper = *std::min_element(below + 1, values.end());
  return lower + (at - static_cast<double>(below - values.begin())) * (upper - lower);
}

std::optional<double> quantile_of(const StatisticsCollectorParameters& estimator, bool upper,
                                  bool symmetric) {
  const double p = upper ? 1 - estimator.quantile_outlier_prob : estimator.quantile_outlier_prob;
  if (estimator.statistics_type == StatisticsType::abs_quantile) return -p;
  if (estimator.statistics_type == StatisticsType::quantile) return upper && symmetric ? -p : p;
  return std::nullopt;
}

}  // namespace eightbit::records
