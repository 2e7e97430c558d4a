// Per-channel statistics folded over samples, so that memory does not grow with their number.
//
// Means are summed as 128-bit fixed-point numbers (2^-64 steps): integer addition is associative,
// so any order of samples, split over any number of machines, gives the same bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace eightbit::records {

class ExactSum {
 public:
  void add(float value);  // beyond +-2^62 it saturates
  void add(const ExactSum& other) { bits_ += other.bits_; }
  double value() const;
  int64_t high() const { return static_cast<int64_t>(bits_ >> 64); }
  uint64_t low() const { return static_cast<uint64_t>(bits_); }
  static ExactSum from(int64_t high, uint64_t low);
  bool operator==(const ExactSum&) const = default;

 private:
  __extension__ using Int128 = __int128;
  Int128 bits_ = 0;
};

struct Fold {
  int64_t count = 0;            // samples
  std::vector<float> min, max;  // by channel; empty where not measured
  std::vector<ExactSum> mean, mean_square;

  void add(std::span<const float> min, std::span<const float> max, std::span<const float> mean,
           std::span<const float> mean_square);
  void add(const Fold& other);
  std::vector<float> means() const;
  std::vector<float> mean_squares() const;
  std::vector<float> variances() const;  // empty when means or mean squares were not measured
};

}  // namespace eightbit::records
