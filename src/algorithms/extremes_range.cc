#include "algorithms/extremes_range.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace eightbit::algorithms {
namespace {

std::pair<float, float> ends_of(const std::vector<float>& sample, std::span<const float> multiply) {
  float low = 0, high = 0;
  for (size_t c = 0; c < multiply.size(); ++c) {
    low = std::min(low, sample[c] * multiply[c]);
    high = std::max(high, sample[multiply.size() + c] * multiply[c]);
  }
  return {low, high};
}

double square(double x) { return x * x; }

// What a sample that is not there would exceed the others by: each channel's outermost extreme is
// taken as far out as it is beyond the next one. Scales are fit to these very extremes, channel by
// channel, so that every channel ends at the edge of the range, and the more of them there are, the
// likelier it is that a new sample goes beyond it somewhere.
void foresee(std::vector<std::vector<float>>& samples) {
  if (samples.size() < 2) return;
  constexpr float kMost = 1.2f;
  for (size_t i = 0; i < samples[0].size(); ++i) {
    float* outermost = &samples[0][i];
    float next = 0;
    for (auto& sample : samples) {
      const float size = std::fabs(sample[i]);
      if (&sample[i] == outermost) continue;
      if (size > std::fabs(*outermost))
        next = std::fabs(*outermost), outermost = &sample[i];
      else
        next = std::max(next, size);
    }
    if (next > 0) *outermost *= std::min(std::fabs(*outermost) / next, kMost);
  }
}

std::vector<double> errors_of(const ChannelExtremes& x, std::span<const float> multiply, float low,
                              float high) {
  const size_t channels = multiply.size();
  const double rounding = square((high - low) / 255.0) / 12;
  std::vector<double> error(channels);
  for (const auto& sample : x.samples)
    for (size_t c = 0; c < channels; ++c)
      error[c] +=
          square(std::max(0.0, static_cast<double>(low) - sample[c] * multiply[c])) +
          square(std::max(0.0, static_cast<double>(sample[channels + c]) * multiply[c] - high));
  for (size_t c = 0; c < channels; ++c) {
    error[c] /= x.elements * static_cast<double>(x.samples.size());
    error[c] += x.mean_square.empty() ? rounding
                                      : std::min(rounding, x.mean_square[c] * square(multiply[c]));
  }
  return error;
}

}  // namespace

ChannelExtremes channel_extremes(const records::StatisticsData& statistics, int point) {
  constexpr int64_t kSamples = 64;
  const records::Fold& fold = statistics.fold(point);
  const Histogram& histogram = statistics.histogram(point);
  const double counted =
      static_cast<double>(histogram.total()) / static_cast<double>(fold.min.size());
  ChannelExtremes out{{}, fold.mean_squares(), 1};
  if (!statistics.points()[static_cast<size_t>(point)].tap.keep_channels) {
    out.samples = {fold.min};
    out.samples[0].insert(out.samples[0].end(), fold.max.begin(), fold.max.end());
    out.elements = std::max(1.0, counted);
    return out;
  }
  const auto seen = statistics.seen(point);
  const auto all = static_cast<int64_t>(seen.size()), count = std::min(kSamples, all);
  for (int64_t k = 0; k < count; ++k)
    out.samples.push_back(
        statistics.kept_channels(point, seen[static_cast<size_t>(k * all / count)]));
  foresee(out.samples);
  if (!histogram.empty() && all > 0)
    out.elements = std::max(1.0, counted / static_cast<double>(all));
  return out;
}

ExtremesRange range_between(const ChannelExtremes& x, std::span<const float> multiply, float low,
                            float high) {
  return {low, high, errors_of(x, multiply, low, high)};
}

ExtremesRange least_error_range(const ChannelExtremes& x, std::span<const float> multiply) {
  constexpr int kSteps = 8;
  double mean_low = 0, mean_high = 0;
  float least = 0, most = 0;
  for (const auto& sample : x.samples) {
    const auto [low, high] = ends_of(sample, multiply);
    mean_low += low / static_cast<double>(x.samples.size());
    mean_high += high / static_cast<double>(x.samples.size());
    least = std::min(least, low);
    most = std::max(most, high);
  }
  ExtremesRange best;
  double fewest = 0;
  for (int i = kSteps; i >= 0; --i) {  // the outermost first: it wins where all are alike
    const double t = static_cast<double>(i) / kSteps;
    const auto low = static_cast<float>(mean_low + t * (least - mean_low)),
               high = static_cast<float>(mean_high + t * (most - mean_high));
    std::vector<double> error = errors_of(x, multiply, low, high);
    const double sum = std::accumulate(error.begin(), error.end(), 0.0);
    if (i < kSteps && sum >= fewest) continue;
    fewest = sum;
    best = {low, high, std::move(error)};
  }
  return best;
}

}  // namespace eightbit::algorithms
