// Rounds all weights of an output together: what rounding one of them does to the output, the next
// ones make good.
//
// With C the covariance of what the weights meet, levels q are looked for with a small (w - q s)^T
// C (w - q s). C = R^T R, and the weights are taken from the last to the first, each rounded after
// adding what the ones before it have missed. Source: Frantar et al., GPTQ, arXiv 2210.17323; that
// it is Babai's nearest plane: Chen et al., arXiv 2507.18553.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace eightbit {

// Neighbours whose products some processors add in int16 (algorithms/weight_fit.h). Empty: no
// limit.
struct PairLimits {
  std::vector<float> largest;          // integer that each weight can meet
  std::vector<int32_t> before, after;  // partners of each weight; -1: none
};

class NearestPlane {
 public:
  // `covariance`: [size, size], made positive definite by adding to its diagonal what `floor` says,
  // and where that is not enough, more.
  NearestPlane(std::span<const double> covariance, int64_t size, std::span<const double> floor);

  // `weights`: [outputs, size]; replaced by level * scale, levels within +-top. With limits, `kept`
  // are weights on their levels that keep to them.
  void round(std::span<float> weights, std::span<const float> scales, float top,
             const PairLimits& limits = {}, std::span<const float> kept = {}) const;

 private:
  static constexpr int64_t kTogether = 16;  // outputs that are rounded side by side

  void round_block(float* weights, const float* kept, int64_t outputs, const float* scales,
                   float top, const PairLimits& limits) const;

  int64_t size_;
  std::vector<int32_t> order_;  // the most important weight is the last one
  // R, row-major, each row divided by its diagonal entry
  std::vector<float> upper_;
};

}  // namespace eightbit
