// Histograms on a fixed logarithmic grid, so that counts of any two samples, threads or machines simply add up, and
// a per-channel rescaling by a power of 2^(1/32) is a shift of bins.
//
// The bin of x is read off its bits: sign, exponent and the 5 leading mantissa bits, i.e. 32 bins an octave, each at
// most 3.1 % wide, from 2^-24 (and all that is smaller: one bin, with zero) to 2^24 (and all that is larger).
// Layout: kHalf bins for x >= 0 with growing magnitude, then kHalf bins for x < 0 with growing magnitude.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace eightbit {

struct Histogram {
  static constexpr int kMantissaBits = 5;
  static constexpr int kLowestExponent = -24, kHighestExponent = 24;
  static constexpr int kHalf = ((kHighestExponent - kLowestExponent) << kMantissaBits) + 1;   // bin 0: |x| < 2^-24
  static constexpr int kBins = 2 * kHalf;

  std::vector<uint64_t> counts;      // kBins, or empty

  bool empty() const { return counts.empty(); }
  uint64_t total() const;
  void add(const Histogram& other);

  static int magnitude_bin(float x) {
    const int32_t bits = static_cast<int32_t>(std::bit_cast<uint32_t>(x) & 0x7fffffffu) >> (23 - kMantissaBits);
    const int32_t bin = bits - ((127 + kLowestExponent) << kMantissaBits) + 1;
    return bin < 0 ? 0 : bin >= kHalf ? kHalf - 1 : bin;
  }
  static int bin(float x) { return magnitude_bin(x) + (std::bit_cast<uint32_t>(x) >> 31 ? kHalf : 0); }
  // Bounds of the magnitudes in bin b of a half: [lower, upper). Bin 0 is [0, 2^-24).
  static float lower(int magnitude_bin);
  static float upper(int magnitude_bin);
};

}  // namespace eightbit
