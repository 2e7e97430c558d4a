#include "algorithms/measured.h"

#include <algorithm>

#include "base/error.h"

namespace eightbit::algorithms {

Measured::Measured(const Graph& graph, const records::StatisticsData& statistics, const Plan& plan, ValueId value,
                   Use use)
    : statistics_(statistics) {
  int64_t axis = kNone;
  for (const ScaleInsertion& scale : plan.scales)
    if (scale.value == value && std::ranges::find(scale.uses, use) != scale.uses.end()) {
      factor_ = &scale.factor;
      axis = scale.axis;
    }
  point_ = statistics.point_of(value, axis);
  if (point_ == kNone)
    fail<InvalidArgument>("statistics", "'{}' was not measured, but these options quantize it. Calibrate again with "
                          "the same model_type and range estimators.", graph.value(value).name);
  channels_ = statistics.points()[static_cast<size_t>(point_)].tap.channels;
}

std::vector<float> Measured::scaled(std::vector<float> values) const {
  if (factor_ != nullptr)
    for (size_t c = 0; c < values.size(); ++c) values[c] *= (*factor_)[c];
  return values;
}

std::vector<float> Measured::channel_min() const { return scaled(statistics_.fold(point_).min); }
std::vector<float> Measured::channel_max() const { return scaled(statistics_.fold(point_).max); }
float Measured::min() const { return std::ranges::min(channel_min()); }
float Measured::max() const { return std::ranges::max(channel_max()); }

const Histogram& Measured::histogram() const {
  static const Histogram none;
  return factor_ == nullptr ? statistics_.histogram(point_) : none;
}

std::vector<records::Row> Measured::rows() const {
  std::vector<records::Row> rows = statistics_.rows(point_);
  if (factor_ == nullptr) return rows;
  const auto channels = static_cast<size_t>(channels_);
  for (size_t k = 0; k < rows.size(); ++k) {
    const auto kept = statistics_.kept_channels(point_, static_cast<int64_t>(k));
    const auto low = scaled({kept.begin(), kept.begin() + static_cast<int64_t>(channels)});
    const auto high = scaled({kept.begin() + static_cast<int64_t>(channels), kept.begin() + 2 * static_cast<int64_t>(channels)});
    rows[k].min = std::ranges::min(low);
    rows[k].max = std::ranges::max(high);
  }
  return rows;
}

}  // namespace eightbit::algorithms
