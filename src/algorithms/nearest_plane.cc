#include "algorithms/nearest_plane.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "quant/rounding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "algorithms/nearest_plane.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eightbit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// out[0..15] = sum over i of row[i] * missed[i][0..15]
void carried(const float* HWY_RESTRICT row, const float* HWY_RESTRICT missed, int64_t count,
             float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 8> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t v = 0; v < 16; v += lanes) {
    auto even = hn::Zero(d), odd = hn::Zero(d);
    int64_t i = 0;
    for (; i + 2 <= count; i += 2) {
      even = hn::MulAdd(hn::Set(d, row[i]), hn::LoadU(d, missed + i * 16 + v), even);
      odd = hn::MulAdd(hn::Set(d, row[i + 1]), hn::LoadU(d, missed + (i + 1) * 16 + v), odd);
    }
    if (i < count) even = hn::MulAdd(hn::Set(d, row[i]), hn::LoadU(d, missed + i * 16 + v), even);
    hn::StoreU(hn::Add(even, odd), d, out + v);
  }
}

}  // namespace eightbit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eightbit {

HWY_EXPORT(carried);

namespace {

// Damping leaves a condition that f32 can bear.
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr float kInt16 = 32767.0f;

// R of C = R^T R. A matrix that rounding has left indefinite gets more on its diagonal.
Matrix upper_factor(Matrix c) {
  const float mean =
      std::max(c.trace() / static_cast<float>(c.rows()), std::numeric_limits<float>::min());
  for (float more = 1e-5f; more < 10; more *= 10) {
    const Eigen::LLT<Matrix, Eigen::Upper> factor(c);
    if (factor.info() == Eigen::Success) return factor.matrixU();
    c.diagonal().array() += more * mean;
  }
  EIGHTBIT_CHECK(false, "a covariance of {} values has no factor", c.rows());
  return c;
}

// The level for weight k, pulled in where a partner of its sign, decided or as it was kept, leaves
// too little room.
float within_pairs(float level, size_t k, const std::vector<float>& levels,
                   const PairLimits& limits) {
  for (const int32_t partner : {limits.before[k], limits.after[k]}) {
    if (partner < 0) continue;
    const auto p = static_cast<size_t>(partner);
    if (levels[p] * level <= 0 || limits.largest[k] <= 0) continue;
    const float room =
        std::floor((kInt16 - std::fabs(levels[p]) * limits.largest[p]) / limits.largest[k]);
    level = std::copysign(std::min(std::fabs(level), std::max(room, 0.0f)), level);
  }
  return level;
}

}  // namespace

NearestPlane::NearestPlane(std::span<const double> covariance, int64_t size,
                           std::span<const double> floor)
    : size_(size), order_(static_cast<size_t>(size)) {
  const auto n = static_cast<size_t>(size);
  EIGHTBIT_CHECK(covariance.size() == n * n && floor.size() == n,
                 "a covariance of {} entries for {} values", covariance.size(), n);
  const auto variance = [&](int32_t i) {
    return covariance[static_cast<size_t>(i) * (n + 1)] + floor[static_cast<size_t>(i)];
  };
  std::iota(order_.begin(), order_.end(), 0);
  std::ranges::stable_sort(order_, [&](int32_t a, int32_t b) { return variance(a) < variance(b); });
  double mean = 0;
  for (int32_t i : order_) mean += variance(i) / static_cast<double>(n);
  const double unit = mean > 0 ? 1 / mean : 1;  // tiny values stay clear of the end of f32
  Matrix c(size, size);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      const auto from = static_cast<size_t>(order_[i]), to = static_cast<size_t>(order_[j]);
      c(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          static_cast<float>(unit * (covariance[from * n + to] + (i == j ? floor[from] : 0.0)));
    }
  const Matrix upper = upper_factor(std::move(c));
  upper_.resize(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i; j < n; ++j) {
      const auto r = static_cast<Eigen::Index>(i);
      upper_[i * n + j] = upper(r, static_cast<Eigen::Index>(j)) / upper(r, r);
    }
}

void NearestPlane::round(std::span<float> weights, std::span<const float> scales, float top,
                         const PairLimits& limits, std::span<const float> kept) const {
  const auto outputs = static_cast<int64_t>(scales.size());
  EIGHTBIT_CHECK(static_cast<int64_t>(weights.size()) == outputs * size_,
                 "{} weights for {} outputs of {}", weights.size(), outputs, size_);
  parallel_for((outputs + kTogether - 1) / kTogether, [&](int64_t block) {
    const int64_t first = block * kTogether;
    round_block(weights.data() + first * size_,
                kept.empty() ? nullptr : kept.data() + first * size_,
                std::min(kTogether, outputs - first), scales.data() + first, top, limits);
  });
}

void NearestPlane::round_block(float* weights, const float* kept, int64_t outputs,
                               const float* scales, float top, const PairLimits& limits) const {
  const auto n = static_cast<size_t>(size_);
  std::vector<float> missed(n * kTogether);  // w - level * scale, in the order of the factor
  std::vector<std::vector<float>> levels(static_cast<size_t>(outputs), std::vector<float>(n));
  for (size_t o = 0; kept != nullptr && o < levels.size(); ++o)
    for (size_t k = 0; k < n; ++k) levels[o][k] = std::nearbyint(kept[o * n + k] / scales[o]);
  float carry[kTogether];
  for (size_t i = n; i-- > 0;) {
    const auto k = static_cast<size_t>(order_[i]);
    HWY_DYNAMIC_DISPATCH(carried)(upper_.data() + i * n + i + 1,
                                  missed.data() + (i + 1) * kTogether,
                                  static_cast<int64_t>(n - i - 1), carry);
    for (size_t o = 0; o < static_cast<size_t>(outputs); ++o) {
      float& weight = weights[o * n + k];
      float level = rounded_level(weight + carry[o], scales[o], top);
      if (kept != nullptr) level = within_pairs(level, k, levels[o], limits);
      levels[o][k] = level;
      missed[i * kTogether + o] = weight - level * scales[o];
      weight = level * scales[o];
    }
  }
}

}  // namespace eightbit
#endif
