// Histograms on one fixed logarithmic grid that covers every finite f32, so that counts of any two
// samples, threads or machines simply add up.
//
// The bin of x is read off the leading bits of its magnitude, p = exponent and 5 bits of the
// mantissa: 32 bins an octave, each at most 3.1 % wide, from 2^-24 to 2^24, where networks live;
// outside 8 bins an octave, at most 12.5 % wide. Zero is in the lowest bin.
// Layout: kHalf bins for x >= 0 with growing magnitude, then kHalf bins for x < 0 with growing
// magnitude.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace eightbit {

struct Histogram {
  static constexpr int kMantissaBits = 5, kDroppedOutside = 2;  // bits of p
  static constexpr int kFineFrom = (127 - 24) << kMantissaBits,
                       kFineTo = (127 + 24) << kMantissaBits,
                       // p of 2^-24, 2^24 and the largest f32
      kLargest = (255 << kMantissaBits) - 1;
  static constexpr int kBelow = kFineFrom >> kDroppedOutside;  // bins below 2^-24
  static constexpr int kHalf =
      kBelow + (kFineTo - kFineFrom) + ((kLargest - kFineTo) >> kDroppedOutside) + 1;
  static constexpr int kBins = 2 * kHalf;

  std::vector<uint64_t> counts;  // kBins, or empty

  bool empty() const { return counts.empty(); }
  uint64_t total() const;
  void add(const Histogram& other);

  static int magnitude_bin(float x) {
    const auto bits = static_cast<int32_t>(std::bit_cast<uint32_t>(x) & 0x7fffffffu);
    const int32_t p = std::min(bits >> (23 - kMantissaBits), kLargest);
    return (std::min(p, kFineFrom) >> kDroppedOutside) +
           std::clamp(p - kFineFrom, 0, kFineTo - kFineFrom) +
           (std::max(p - kFineTo, 0) >> kDroppedOutside);
  }
  static int bin(float x) {
    return magnitude_bin(x) + (std::bit_cast<uint32_t>(x) >> 31 ? kHalf : 0);
  }
  // Bounds of the magnitudes in bin b of a half: [lower, upper); the last ends with the largest
  // f32.
  static float lower(int magnitude_bin);
  static float upper(int magnitude_bin);
  // What stands for the values of a bin.
  static float middle(int magnitude_bin);
};

}  // namespace eightbit
