#include "records/fold.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace eightbit::records {
namespace {

template <typename Pick>
void merge_extremes(std::vector<float>& into, std::span<const float> values, Pick pick) {
  if (values.empty()) return;
  if (into.empty()) {
    into.assign(values.begin(), values.end());
    return;
  }
  EIGHTBIT_CHECK(into.size() == values.size(), "{} channels folded into {}", values.size(),
                 into.size());
  for (size_t c = 0; c < values.size(); ++c) into[c] = pick(into[c], values[c]);
}

template <typename T>
void merge_sums(std::vector<ExactSum>& into, std::span<const T> values) {
  if (values.empty()) return;
  into.resize(values.size());
  for (size_t c = 0; c < values.size(); ++c) into[c].add(values[c]);
}

std::vector<float> averages(const std::vector<ExactSum>& sums, int64_t count) {
  std::vector<float> out(sums.size());
  for (size_t c = 0; c < sums.size(); ++c)
    out[c] = static_cast<float>(sums[c].value() / static_cast<double>(count));
  return out;
}

}  // namespace

void ExactSum::add(float value) {
  constexpr double kLimit = 0x1p62;
  const double clipped = std::clamp(static_cast<double>(value), -kLimit, kLimit);
  auto whole = static_cast<int64_t>(clipped);
  if (static_cast<double>(whole) > clipped) --whole;
  // A float's bits fit: exact or 0.
  const auto fraction = static_cast<uint64_t>((clipped - static_cast<double>(whole)) * 0x1p64);
  bits_ += (static_cast<Int128>(whole) << 64) + static_cast<Int128>(fraction);
}

double ExactSum::value() const {
  return static_cast<double>(static_cast<int64_t>(bits_ >> 64)) +
         std::ldexp(static_cast<double>(low()), -64);
}

ExactSum ExactSum::from(int64_t high, uint64_t low) {
  ExactSum sum;
  sum.bits_ = (static_cast<Int128>(high) << 64) + static_cast<Int128>(low);
  return sum;
}

void Fold::add(std::span<const float> lo, std::span<const float> hi, std::span<const float> average,
               std::span<const float> average_square) {
  ++count;
  merge_extremes(min, lo, [](float a, float b) { return std::min(a, b); });
  merge_extremes(max, hi, [](float a, float b) { return std::max(a, b); });
  merge_sums(mean, average);
  merge_sums(mean_square, average_square);
}

void Fold::add(const Fold& other) {
  count += other.count;
  merge_extremes(min, std::span<const float>(other.min),
                 [](float a, float b) { return std::min(a, b); });
  merge_extremes(max, std::span<const float>(other.max),
                 [](float a, float b) { return std::max(a, b); });
  merge_sums(mean, std::span<const ExactSum>(other.mean));
  merge_sums(mean_square, std::span<const ExactSum>(other.mean_square));
}

std::vector<float> Fold::means() const { return averages(mean, count); }
std::vector<float> Fold::mean_squares() const { return averages(mean_square, count); }

std::vector<float> Fold::variances() const {
  if (mean.empty() || mean_square.empty()) return {};
  std::vector<float> out = mean_squares();
  const auto average = means();
  for (size_t c = 0; c < out.size(); ++c)
    // f32 means are no more exact than that
    out[c] = std::max(out[c] - average[c] * average[c], 1e-3f * out[c]);
  return out;
}

}  // namespace eightbit::records
