#include "algorithms/measured.h"

#include <algorithm>

#include "algorithms/extremes_range.h"
#include "base/error.h"

namespace eightbit::algorithms {

Measured::Measured(const Graph& graph, const records::StatisticsData& statistics, const Plan& plan,
                   ValueId value, Use use)
    : statistics_(statistics) {
  int64_t axis = kNone;
  for (const ChannelChange& change : plan.changes)
    if (change.value == value) {
      axis = change.axis;
      multiply_.resize(change.factor.size(), 1.0f);
      add_.resize(change.factor.size(), 0.0f);
      for (size_t c = 0; c < change.factor.size(); ++c) {
        multiply_[c] /= change.factor[c];
        add_[c] = (add_[c] - change.shift[c]) / change.factor[c];
      }
    }
  if (const ScaleInsertion* scale = scale_at(plan, use)) {
    is_scaled_ = true;
    axis = scale->axis;
    multiply_.resize(scale->factor.size(), 1.0f);
    add_.resize(scale->factor.size(), 0.0f);
    for (size_t c = 0; c < scale->factor.size(); ++c)
      multiply_[c] *= scale->factor[c], add_[c] *= scale->factor[c];
  }
  point_ = statistics.point_of(value, axis);
  if (point_ == kNone)
    fail<InvalidArgument>(
        "statistics",
        "'{}' was not measured, but these options quantize it. Calibrate again with "
        "the same model_type and range estimators.",
        graph.value(value).name);
  channels_ = statistics.points()[static_cast<size_t>(point_)].tap.channels;
}

std::vector<float> Measured::moved(std::vector<float> values) const {
  if (is_moved())
    for (size_t c = 0; c < values.size(); ++c) values[c] = values[c] * multiply_[c] + add_[c];
  return values;
}

std::vector<float> Measured::channel_min() const { return moved(statistics_.fold(point_).min); }
std::vector<float> Measured::channel_max() const { return moved(statistics_.fold(point_).max); }
std::vector<float> Measured::channel_mean() const {
  return moved(statistics_.fold(point_).means());
}
std::vector<float> Measured::channel_variance() const {
  std::vector<float> variance = statistics_.fold(point_).variances();
  if (is_moved())
    for (size_t c = 0; c < variance.size(); ++c) variance[c] *= multiply_[c] * multiply_[c];
  return variance;
}

float Measured::min() const { return std::ranges::min(channel_min()); }
float Measured::max() const { return std::ranges::max(channel_max()); }

const Histogram& Measured::histogram() const {
  static const Histogram none;
  return !is_moved() ? statistics_.histogram(point_) : none;
}

std::optional<std::pair<float, float>> Measured::scaled_range() const {
  const auto shifts = [](float x) { return x < 0 || x > 0; };
  const bool kept = statistics_.points()[static_cast<size_t>(point_)].tap.keep_channels;
  if (!is_moved() || std::ranges::any_of(add_, shifts) || !(kept || is_scaled_)) return {};
  const ExtremesRange range = least_error_range(channel_extremes(statistics_, point_), multiply_);
  return std::pair(range.low, range.high);
}

std::vector<records::Row> Measured::rows() const {
  std::vector<records::Row> rows = statistics_.rows(point_);
  if (!is_moved()) return rows;
  const auto channels = static_cast<size_t>(channels_);
  const auto samples = statistics_.seen(point_);
  for (size_t k = 0; k < rows.size(); ++k) {
    const auto kept = statistics_.kept_channels(point_, samples[k]);
    const auto low = moved({kept.begin(), kept.begin() + static_cast<int64_t>(channels)});
    const auto high = moved({kept.begin() + static_cast<int64_t>(channels),
                             kept.begin() + 2 * static_cast<int64_t>(channels)});
    rows[k].min = std::ranges::min(low);
    rows[k].max = std::ranges::max(high);
  }
  return rows;
}

}  // namespace eightbit::algorithms
