#include "records/histogram.h"

#include <numeric>

namespace eightbit {

uint64_t Histogram::total() const { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }

void Histogram::add(const Histogram& other) {
  if (other.empty()) return;
  if (empty()) counts.assign(kBins, 0);
  for (int i = 0; i < kBins; ++i) counts[static_cast<size_t>(i)] += other.counts[static_cast<size_t>(i)];
}

float Histogram::lower(int magnitude_bin) {
  if (magnitude_bin == 0) return 0.0f;
  const int32_t bits = (magnitude_bin - 1 + ((127 + kLowestExponent) << kMantissaBits)) << (23 - kMantissaBits);
  return std::bit_cast<float>(bits);
}

float Histogram::upper(int magnitude_bin) { return lower(magnitude_bin + 1); }

}  // namespace eightbit
