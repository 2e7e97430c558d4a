#include "records/tap_request.h"

#include <algorithm>

namespace eightbit::records {
namespace {

void add_quantiles(Tap& tap, const std::vector<double>& quantiles) {
  for (double q : quantiles)
    if (std::ranges::find(tap.quantiles, q) == tap.quantiles.end()) tap.quantiles.push_back(q);
}

}  // namespace

void TapRequest::want(ValueId value, uint32_t statistics, std::vector<double> quantiles) {
  Tap& tap = taps_[{value, kNone}];
  tap.value = value;
  tap.statistics |= statistics;
  add_quantiles(tap, quantiles);
}

bool TapRequest::want_channels(ValueId value, int64_t axis, uint32_t statistics, bool keep_channels,
                               std::vector<double> quantiles) {
  const Shape& shape = graph_.value(value).shape;
  if (axis < 0 || axis >= static_cast<int64_t>(shape.size()) ||
      shape[static_cast<size_t>(axis)] < 0) {
    want(value, statistics, std::move(quantiles));
    return false;
  }
  Tap& tap = taps_[{value, axis}];
  tap.value = value;
  tap.axis = axis;
  tap.channels = shape[static_cast<size_t>(axis)];
  tap.statistics |= statistics;
  tap.keep_channels |= keep_channels;
  add_quantiles(tap, quantiles);
  return true;
}

std::vector<Point> TapRequest::points() const {
  std::vector<Point> out;
  for (const auto& [key, tap] : taps_) {
    // A tap of channels also answers for the tensor, but for its quantiles.
    const auto channels = taps_.lower_bound({key.first, 0});
    const bool covered = key.second == kNone && tap.quantiles.empty() && channels != taps_.end() &&
                         channels->first.first == key.first;
    if (covered) continue;
    Point point{graph_.value(key.first).name, tap};
    if (key.second != kNone)
      if (const auto plain = taps_.find({key.first, kNone});
          plain != taps_.end() && plain->second.quantiles.empty())
        point.tap.statistics |= plain->second.statistics;
    out.push_back(std::move(point));
  }
  // Two channel axes of one value: the statistics per tensor are measured twice, which only costs
  // time.
  return out;
}

}  // namespace eightbit::records
