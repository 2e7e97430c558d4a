#include "records/histogram.h"

#include <limits>
#include <numeric>

namespace eightbit {

uint64_t Histogram::total() const {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

void Histogram::add(const Histogram& other) {
  if (other.empty()) return;
  if (empty()) counts.assign(kBins, 0);
  for (int i = 0; i < kBins; ++i)
    counts[static_cast<size_t>(i)] += other.counts[static_cast<size_t>(i)];
}

float Histogram::lower(int magnitude_bin) {
  constexpr int kFine = kFineTo - kFineFrom;
  const int32_t p = magnitude_bin < kBelow ? magnitude_bin << kDroppedOutside
                    : magnitude_bin < kBelow + kFine
                        ? magnitude_bin - kBelow + kFineFrom
                        : ((magnitude_bin - kBelow - kFine) << kDroppedOutside) + kFineTo;
  return std::bit_cast<float>(p << (23 - kMantissaBits));
}

float Histogram::upper(int magnitude_bin) {
  return magnitude_bin + 1 < kHalf ? lower(magnitude_bin + 1) : std::numeric_limits<float>::max();
}

float Histogram::middle(int magnitude_bin) {
  return magnitude_bin == 0 ? 0.0f : 0.5f * lower(magnitude_bin) + 0.5f * upper(magnitude_bin);
}

}  // namespace eightbit
