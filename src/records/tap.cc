#include "records/tap.h"

#include <utility>

namespace eightbit {

int64_t Tap::record_size() const {
  int64_t stretches = static_cast<int64_t>(quantiles.size());
  if (statistics & kMinMax) stretches += 2;
  if (statistics & kMean) stretches += 1;
  if (statistics & kMeanSquare) stretches += 1;
  return stretches * channels + 1;
}

int64_t Tap::histogram_count() const {
  if (statistics & kHistogramPerChannel) return channels;
  return statistics & kHistogram ? 1 : 0;
}

std::vector<TapLayout> layout_of(const std::vector<Tap>& taps) {
  std::vector<TapLayout> layouts;
  int64_t at = 0;
  for (const Tap& tap : taps) {
    TapLayout layout;
    layout.offset = at;
    const auto stretch = [&](int64_t count) {
      return std::exchange(at, at + count * tap.channels);
    };
    if (tap.statistics & kMinMax) layout.min = stretch(1), layout.max = stretch(1);
    if (tap.statistics & kMean) layout.mean = stretch(1);
    if (tap.statistics & kMeanSquare) layout.mean_square = stretch(1);
    if (!tap.quantiles.empty())
      layout.quantiles = stretch(static_cast<int64_t>(tap.quantiles.size()));
    layout.finite = at++;
    layouts.push_back(layout);
  }
  return layouts;
}

int64_t record_size(const std::vector<Tap>& taps) {
  int64_t size = 0;
  for (const Tap& tap : taps) size += tap.record_size();
  return size;
}

}  // namespace eightbit
