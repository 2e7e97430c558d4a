#include "quant/rounding.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/rounding.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eightbit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

float lanes_error(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT importance,
                  size_t count, float scale, float top) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto inverse = hn::Set(d, 1.0f / scale), step = hn::Set(d, scale);
  const auto high = hn::Set(d, top), low = hn::Set(d, -top);
  auto sum = hn::Zero(d);
  for (size_t i = 0; i + lanes <= count; i += lanes) {
    const auto w = hn::LoadU(d, weights + i);
    const auto level = hn::Min(hn::Max(hn::Round(hn::Mul(w, inverse)), low), high);
    const auto error = hn::NegMulAdd(level, step, w);
    sum = hn::MulAdd(hn::Mul(hn::LoadU(d, importance + i), error), error, sum);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void row_lanes(const float* HWY_RESTRICT row, size_t count, float factor,
               const float* HWY_RESTRICT step, const float* HWY_RESTRICT inverse,
               float* HWY_RESTRICT energy, float* HWY_RESTRICT missed) {
  const hn::ScalableTag<float> d;
  const auto by = hn::Set(d, factor);
  auto squares = hn::Zero(d), errors = hn::Zero(d);
  for (size_t i = 0; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const auto x = hn::Mul(hn::LoadU(d, row + i), by);
    const auto level = hn::Round(hn::Mul(x, hn::LoadU(d, inverse + i)));
    const auto error = hn::NegMulAdd(level, hn::LoadU(d, step + i), x);
    squares = hn::MulAdd(x, x, squares);
    errors = hn::MulAdd(error, error, errors);
  }
  *energy = hn::GetLane(hn::SumOfLanes(d, squares));
  *missed = hn::GetLane(hn::SumOfLanes(d, errors));
}

void raise_lanes(float* HWY_RESTRICT largest, const float* HWY_RESTRICT row, size_t count,
                 float factor) {
  const hn::ScalableTag<float> d;
  const auto by = hn::Set(d, factor);
  for (size_t i = 0; i + hn::Lanes(d) <= count; i += hn::Lanes(d))
    hn::StoreU(hn::Max(hn::LoadU(d, largest + i), hn::Abs(hn::Mul(hn::LoadU(d, row + i), by))), d,
               largest + i);
}

}  // namespace eightbit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eightbit {

HWY_EXPORT(lanes_error);
HWY_EXPORT(row_lanes);
HWY_EXPORT(raise_lanes);

constexpr size_t kWhole = 64;  // a multiple of the lanes of every target

double rounding_error(std::span<const float> weights, std::span<const float> importance,
                      float scale, float top) {
  const size_t whole = weights.size() / kWhole * kWhole;
  double sum =
      HWY_DYNAMIC_DISPATCH(lanes_error)(weights.data(), importance.data(), whole, scale, top);
  for (size_t i = whole; i < weights.size(); ++i) {
    const double error =
        weights[i] - static_cast<double>(rounded_level(weights[i], scale, top)) * scale;
    sum += importance[i] * error * error;
  }
  return sum;
}

RowError row_error(std::span<const float> row, float factor, std::span<const float> step,
                   std::span<const float> inverse) {
  const size_t whole = row.size() / kWhole * kWhole;
  RowError out;
  HWY_DYNAMIC_DISPATCH(row_lanes)(row.data(), whole, factor, step.data(), inverse.data(),
                                  &out.energy, &out.missed);
  for (size_t i = whole; i < row.size(); ++i) {
    const float x = row[i] * factor, error = x - std::nearbyint(x * inverse[i]) * step[i];
    out.energy += x * x;
    out.missed += error * error;
  }
  return out;
}

void raise_to(std::span<float> largest, std::span<const float> row, float factor) {
  const size_t whole = row.size() / kWhole * kWhole;
  HWY_DYNAMIC_DISPATCH(raise_lanes)(largest.data(), row.data(), whole, factor);
  for (size_t i = whole; i < row.size(); ++i)
    largest[i] = std::max(largest[i], std::fabs(row[i] * factor));
}

}  // namespace eightbit
#endif
