#include "records/range_estimator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "records/quantile.h"

namespace eightbit::records {
namespace {

double mean(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

float median(std::vector<float> values) { return static_cast<float>(quantile(values, 0.5)); }

std::vector<float> without_outliers(std::vector<float> values, double p) {
  const double low = quantile(values, p), high = quantile(values, 1 - p);
  std::vector<float> kept;
  std::ranges::copy_if(values, std::back_inserter(kept),
                       [&](float x) { return x >= low && x <= high; });
  return kept.empty() ? values : kept;
}

// The occupied bins of a histogram: one representative value and a weight each.
struct Mass {
  float value;
  double weight;
};

std::vector<Mass> masses(const Histogram& histogram) {
  std::vector<Mass> out;
  for (int sign = 0; sign < 2 && !histogram.empty(); ++sign)
    for (int b = 0; b < Histogram::kHalf; ++b) {
      const uint64_t count = histogram.counts[static_cast<size_t>(sign * Histogram::kHalf + b)];
      if (count == 0) continue;
      const float middle = Histogram::middle(b);
      out.push_back({sign ? -middle : middle, static_cast<double>(count)});
    }
  return out;
}

double error_of(const std::vector<Mass>& masses, double low, double high, int levels) {
  const double step = (high - low) / (levels - 1), rounding = step * step / 12;
  double sum = 0, total = 0;
  for (const Mass& mass : masses) {
    const double x = mass.value;
    const double outside = x > high ? x - high : x < low ? low - x : 0.0;
    const double error = outside > 0               ? outside * outside
                         : std::fabs(x) < step / 2 ? x * x
                                                   : rounding;
    sum += mass.weight * error;
    total += mass.weight;
  }
  return total > 0 ? sum / total : 0.0;
}

// Candidates for an end of the range: the measured extreme, then smaller by 1/32 of an octave down
// to an eighth.
std::vector<float> candidates(float extreme) {
  std::vector<float> out;
  for (int i = 0; i <= 96; ++i) out.push_back(extreme * static_cast<float>(std::exp2(-i / 32.0)));
  return out;
}

template <typename Error>
float best_of(const std::vector<float>& options, Error&& error) {
  float best = options.front();
  double least = error(best);
  for (float option : options) {
    const double e = error(option);
    if (e < least) least = e, best = option;
  }
  return best;
}

}  // namespace

float aggregate(std::span<const float> values, AggregatorType type, double p) {
  EIGHTBIT_CHECK(!values.empty(), "nothing to aggregate");
  const auto copy = [&] { return std::vector<float>(values.begin(), values.end()); };
  switch (type) {
    case AggregatorType::min:
      return std::ranges::min(values);
    case AggregatorType::max:
      return std::ranges::max(values);
    case AggregatorType::mean:
      return static_cast<float>(mean(values));
    case AggregatorType::median:
      return median(copy());
    case AggregatorType::mean_no_outliers:
      return static_cast<float>(mean(without_outliers(copy(), p)));
    case AggregatorType::median_no_outliers:
      return median(without_outliers(copy(), p));
    default:
      fail<InternalError>("range estimator", "the histogram aggregator does not work on numbers");
  }
}

double expected_error(const Histogram& histogram, float low, float high, int levels) {
  return error_of(masses(histogram), low, high, levels);
}

double mean_square(const Histogram& histogram) {
  double sum = 0, total = 0;
  for (const Mass& mass : masses(histogram)) {
    sum += mass.weight * mass.value * static_cast<double>(mass.value);
    total += mass.weight;
  }
  return total > 0 ? sum / total : 0.0;
}

float clipped(float value, const StatisticsCollectorParameters& estimator) {
  if (!estimator.clipping_value) return value;
  const auto limit = static_cast<float>(*estimator.clipping_value);
  return std::clamp(value, -limit, limit);
}

ClippedRange least_error_range(const Histogram& histogram, float min, float max, int levels,
                               QuantizationScheme mode) {
  const std::vector<Mass> all = masses(histogram);
  float low = std::min(min, 0.0f), high = std::max(max, 0.0f);
  if (mode == QuantizationScheme::symmetric || low == 0.0f) {
    const bool is_signed = low < 0;
    // The integer range is [-levels/2, levels/2 - 1]: one step more below than above.
    const double ratio = is_signed ? static_cast<double>(levels) / (levels - 2) : 0.0;
    high = best_of(candidates(std::max(-low, high)),
                   [&](float h) { return error_of(all, -ratio * h, h, levels); });
    low = static_cast<float>(-ratio * high);
  } else {
    for (int round = 0; round < 3; ++round) {
      high = best_of(candidates(std::max(max, 0.0f)),
                     [&](float h) { return error_of(all, low, h, levels); });
      low = best_of(candidates(std::min(min, 0.0f)),
                    [&](float l) { return error_of(all, l, high, levels); });
    }
  }
  return {low, high, error_of(all, low, high, levels)};
}

}  // namespace eightbit::records
