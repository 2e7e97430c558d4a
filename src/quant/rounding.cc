#include "quant/rounding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quant/rounding.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eightbit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

float lanes_error(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT importance, size_t count, float scale,
                  float top) {
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

}  // namespace eightbit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eightbit {

HWY_EXPORT(lanes_error);

double rounding_error(std::span<const float> weights, std::span<const float> importance, float scale, float top) {
  constexpr size_t kWhole = 64;   // a multiple of the lanes of every target
  const size_t whole = weights.size() / kWhole * kWhole;
  double sum = HWY_DYNAMIC_DISPATCH(lanes_error)(weights.data(), importance.data(), whole, scale, top);
  for (size_t i = whole; i < weights.size(); ++i) {
    const double error = weights[i] - static_cast<double>(rounded_level(weights[i], scale, top)) * scale;
    sum += importance[i] * error * error;
  }
  return sum;
}

}  // namespace eightbit
#endif
