#include "records/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "records/histogram.h"
#include "records/quantile.h"
#include "records/unseen.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "records/reduce.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef EIGHTBIT_REDUCE_SHARED
#define EIGHTBIT_REDUCE_SHARED
namespace eightbit {

// Running statistics of one channel.
struct Moments {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  double sum = 0;
  double sum_square = 0;
};

}  // namespace eightbit
#endif

HWY_BEFORE_NAMESPACE();
namespace eightbit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kBlock = 4096;
constexpr int64_t kStretch = 32;

// Statistics of a contiguous run. Returns false when it holds a value that is not finite.
bool reduce_run(const float* HWY_RESTRICT data, int64_t count, bool moments, Moments& out) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto lo = hn::Set(d, out.min), hi = hn::Set(d, out.max);
  auto zero_product = hn::Zero(d);  // x * 0 is NaN for values that are not finite, and stays so
  int64_t i = 0;
  while (i + lanes <= count) {
    const int64_t end = std::min(count - lanes + 1, i + kBlock);
    auto sum = hn::Zero(d), square = hn::Zero(d);
    for (; i < end; i += lanes) {
      const auto x = hn::LoadU(d, data + i);
      lo = hn::Min(lo, x);
      hi = hn::Max(hi, x);
      zero_product = hn::MulAdd(x, hn::Zero(d), zero_product);
      if (moments) {
        sum = hn::Add(sum, x);
        square = hn::MulAdd(x, x, square);
      }
    }
    if (moments) {
      out.sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
      out.sum_square += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, square)));
    }
  }
  out.min = hn::GetLane(hn::MinOfLanes(d, lo));
  out.max = hn::GetLane(hn::MaxOfLanes(d, hi));
  float rest = hn::GetLane(hn::SumOfLanes(d, zero_product));
  for (; i < count; ++i) {
    const float x = data[i];
    out.min = std::min(out.min, x);
    out.max = std::max(out.max, x);
    out.sum += x;
    out.sum_square += static_cast<double>(x) * x;
    rest += x * 0.0f;
  }
  return rest == 0.0f;
}

// What a few rows of a matrix add to the running numbers of its columns: rows that lie side by side
// are read together, so that memory is read in order.
template <bool kMoments>
void fold_rows(const float* HWY_RESTRICT data, int64_t rows, int64_t channels,
               float* HWY_RESTRICT lows, float* HWY_RESTRICT highs, float* HWY_RESTRICT sums,
               float* HWY_RESTRICT squares) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    auto lo = hn::LoadU(d, lows + c), hi = hn::LoadU(d, highs + c);
    auto sum = hn::LoadU(d, sums + c), square = hn::LoadU(d, squares + c);
    for (int64_t r = 0; r < rows; ++r) {
      const auto x = hn::LoadU(d, data + r * channels + c);
      lo = hn::Min(lo, x);
      hi = hn::Max(hi, x);
      if (kMoments) {
        sum = hn::Add(sum, x);
        square = hn::MulAdd(x, x, square);
      } else {
        sum = hn::MulAdd(x, hn::Zero(d), sum);  // NaN for values that are not finite, and stays so
      }
    }
    hn::StoreU(lo, d, lows + c);
    hn::StoreU(hi, d, highs + c);
    hn::StoreU(sum, d, sums + c);
    if (kMoments) hn::StoreU(square, d, squares + c);
  }
  for (; c < channels; ++c)
    for (int64_t r = 0; r < rows; ++r) {
      const float x = data[r * channels + c];
      lows[c] = std::min(lows[c], x);
      highs[c] = std::max(highs[c], x);
      sums[c] += kMoments ? x : x * 0.0f;
      squares[c] += x * x;
    }
}

// Statistics of `channels` columns of a row-major [rows, channels] matrix, blocks of rows summed in
// f32. Returns false when a value is not finite.
bool reduce_columns(const float* HWY_RESTRICT data, int64_t rows, int64_t channels, bool moments,
                    Moments* out) {
  constexpr int64_t kTogether = 8, kSummed = 256;
  const auto count = static_cast<size_t>(channels);
  thread_local std::vector<float> lows, highs, sums, squares;
  lows.assign(count, std::numeric_limits<float>::infinity());
  highs.assign(count, -std::numeric_limits<float>::infinity());
  bool finite = true;
  for (int64_t first = 0; first < rows; first += kSummed) {
    sums.assign(count, 0.0f);
    squares.assign(count, 0.0f);
    const int64_t end = std::min(rows, first + kSummed);
    for (int64_t r = first; r < end; r += kTogether)
      (moments ? fold_rows<true>
               : fold_rows<false>)(data + r * channels, std::min(kTogether, end - r), channels,
                                   lows.data(), highs.data(), sums.data(), squares.data());
    for (int64_t c = 0; c < channels; ++c) {
      const auto i = static_cast<size_t>(c);
      out[c].sum += static_cast<double>(sums[i]);
      out[c].sum_square += static_cast<double>(squares[i]);
      finite &= std::isfinite(sums[i]);
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    out[c].min = std::min(out[c].min, lows[static_cast<size_t>(c)]);
    out[c].max = std::max(out[c].max, highs[static_cast<size_t>(c)]);
  }
  return finite;
}

// Adds the histogram of a run to `counts`: of one stretch of kStretch values out of each `stride`,
// at a place that changes as if by chance, so that it never falls into step with rows and channels.
void count_run(const float* HWY_RESTRICT data, int64_t count, int64_t stride,
               uint32_t* HWY_RESTRICT counters) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto magnitude = hn::Set(di, 0x7fffffff);
  const auto from = hn::Set(di, Histogram::kFineFrom), to = hn::Set(di, Histogram::kFineTo),
             zero = hn::Zero(di);
  const auto half = hn::Set(di, Histogram::kHalf);
  constexpr int kCounters = BinCounts::kCounters;
  const auto turn = hn::And(hn::Iota(di, 0), hn::Set(di, kCounters - 1));
  HWY_ALIGN int32_t at[HWY_MAX_BYTES / sizeof(int32_t)];
  uint32_t place = 0;
  for (int64_t cell = 0; cell < count; cell += kStretch * stride) {
    place = place * 1664525u + 1013904223u;  // Numerical Recipes' generator
    const int64_t first =
        cell +
        kStretch * static_cast<int64_t>((uint64_t{place} * static_cast<uint64_t>(stride)) >> 32);
    const int64_t end = std::min(count, first + kStretch);
    int64_t i = first;
    for (; i + lanes <= end; i += lanes) {
      const auto bits = hn::BitCast(di, hn::LoadU(d, data + i));
      const auto p = hn::ShiftRight<23 - Histogram::kMantissaBits>(hn::And(bits, magnitude));
      auto bin = hn::Sub(hn::Min(hn::Max(p, from), to), from);
      bin = hn::Add(bin, hn::ShiftRight<Histogram::kDroppedOutside>(hn::Min(p, from)));
      bin = hn::Add(bin, hn::ShiftRight<Histogram::kDroppedOutside>(hn::Max(hn::Sub(p, to), zero)));
      bin = hn::Add(bin, hn::And(hn::ShiftRight<31>(bits), half));
      hn::Store(hn::Add(hn::ShiftLeft<2>(bin), turn), di, at);
      for (int64_t k = 0; k < lanes; ++k) ++counters[at[k]];
    }
    for (; i < end; ++i) ++counters[kCounters * Histogram::bin(data[i])];
  }
}

// Adds the four counters of each of `bins` bins to its count, and sets them to 0.
void add_counters(uint32_t* HWY_RESTRICT counters, int64_t bins, uint64_t* HWY_RESTRICT counts) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Rebind<uint32_t, decltype(d)> narrow;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t b = 0;
  for (; b + lanes <= bins; b += lanes) {
    uint32_t* at = counters + BinCounts::kCounters * b;
    hn::Vec<decltype(narrow)> first, second, third, fourth;
    hn::LoadInterleaved4(narrow, at, first, second, third, fourth);
    const auto sum = hn::Add(hn::Add(first, second), hn::Add(third, fourth));
    hn::StoreU(hn::Add(hn::LoadU(d, counts + b), hn::PromoteTo(d, sum)), d, counts + b);
  }
  for (; b < bins; ++b)
    for (int64_t k = 0; k < BinCounts::kCounters; ++k)
      counts[b] += counters[BinCounts::kCounters * b + k];
  std::fill_n(counters, BinCounts::kCounters * bins, 0u);
}

void difference_run(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t count,
                    double out[4]) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  while (i + lanes <= count) {
    const int64_t end = std::min(count - lanes + 1, i + kBlock);
    auto signal = hn::Zero(d), noise = hn::Zero(d), dot = hn::Zero(d), power = hn::Zero(d);
    for (; i < end; i += lanes) {
      const auto x = hn::LoadU(d, a + i), y = hn::LoadU(d, b + i);
      const auto e = hn::Sub(x, y);
      signal = hn::MulAdd(x, x, signal);
      noise = hn::MulAdd(e, e, noise);
      dot = hn::MulAdd(x, y, dot);
      power = hn::MulAdd(y, y, power);
    }
    out[0] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, signal)));
    out[1] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, noise)));
    out[2] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, dot)));
    out[3] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, power)));
  }
  for (; i < count; ++i) {
    const double x = a[i], y = b[i];
    out[0] += x * x;
    out[1] += (x - y) * (x - y);
    out[2] += x * y;
    out[3] += y * y;
  }
}

}  // namespace eightbit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eightbit {

HWY_EXPORT(reduce_run);
HWY_EXPORT(reduce_columns);
HWY_EXPORT(count_run);
HWY_EXPORT(add_counters);
HWY_EXPORT(difference_run);

namespace {

// A sample's tensor is counted in full up to about this size, larger ones in evenly spread
// stretches.
constexpr int64_t kCountedValues = 16384;

std::vector<float> finite_values(const ReduceView& view, int64_t channel) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(view.outer * view.inner));
  for (int64_t o = 0; o < view.outer; ++o) {
    const float* run = view.data + (o * view.channels + channel) * view.inner;
    std::copy_if(run, run + view.inner, std::back_inserter(values),
                 [](float x) { return std::isfinite(x); });
  }
  return values;
}

// All channels, whatever the layout. False when some value is not finite.
bool reduce_moments(const ReduceView& view, bool moments, std::vector<Moments>& out) {
  if (view.inner == 1 && view.channels > 1)
    return HWY_DYNAMIC_DISPATCH(reduce_columns)(view.data, view.outer, view.channels, moments,
                                                out.data());
  bool finite = true;
  for (int64_t o = 0; o < view.outer; ++o)
    for (int64_t c = 0; c < view.channels; ++c)
      finite &= HWY_DYNAMIC_DISPATCH(reduce_run)(view.data + (o * view.channels + c) * view.inner,
                                                 view.inner, moments, out[static_cast<size_t>(c)]);
  return finite;
}

// The slow way round NaN and Inf: the finite values of each channel, copied. Returns how many are
// finite.
int64_t reduce_finite(const ReduceView& view, std::vector<Moments>& out,
                      std::vector<int64_t>& counts) {
  int64_t total = 0;
  for (int64_t c = 0; c < view.channels; ++c) {
    const auto values = finite_values(view, c);
    out[static_cast<size_t>(c)] = {};
    HWY_DYNAMIC_DISPATCH(reduce_run)(values.data(), static_cast<int64_t>(values.size()), true,
                                     out[static_cast<size_t>(c)]);
    counts[static_cast<size_t>(c)] = static_cast<int64_t>(values.size());
    total += static_cast<int64_t>(values.size());
  }
  return total;
}

// `moments`: of all finite values.
void count(const ReduceView& view, bool finite, const std::vector<Moments>& moments,
           BinCounts& out) {
  Moments all;
  for (const Moments& one : moments) {
    all.min = std::min(all.min, one.min);
    all.max = std::max(all.max, one.max);
  }
  // 0 may be of either sign
  if (all.max >= 0) out.positive = std::max(out.positive, Histogram::magnitude_bin(all.max) + 1);
  if (all.min <= 0) out.negative = std::max(out.negative, Histogram::magnitude_bin(all.min) + 1);
  if (finite) {
    const int64_t total = view.outer * view.channels * view.inner;
    const int64_t stride = std::max<int64_t>(total / kCountedValues, 1);
    HWY_DYNAMIC_DISPATCH(count_run)(view.data, total, stride, out.counters.data());
  } else {
    for (int64_t c = 0; c < view.channels; ++c) {
      const auto values = finite_values(view, c);
      HWY_DYNAMIC_DISPATCH(count_run)(values.data(), static_cast<int64_t>(values.size()), 1,
                                      out.counters.data());
    }
  }
}

}  // namespace

void BinCounts::move_to(std::span<uint64_t> counts) {
  const auto move = [&](int64_t first, int bins) {
    HWY_DYNAMIC_DISPATCH(add_counters)(counters.data() + kCounters * first, bins,
                                       counts.data() + first);
  };
  move(0, std::exchange(positive, 0));
  move(Histogram::kHalf, std::exchange(negative, 0));
}

void reduce(const Tap& tap, const ReduceView& view, std::span<float> record, BinCounts* counts) {
  const auto channels = static_cast<size_t>(tap.channels);
  EIGHTBIT_CHECK(view.channels == tap.channels, "{} channels measured where {} are recorded",
                 view.channels, tap.channels);
  std::vector<Moments> moments(channels);
  std::vector<int64_t> finite_counts(channels, view.outer * view.inner);
  const int64_t total = view.outer * view.channels * view.inner;
  const bool wants_moments = (tap.statistics & (kMean | kMeanSquare)) != 0;
  const bool finite = reduce_moments(view, wants_moments, moments);
  const int64_t usable = finite ? total : reduce_finite(view, moments, finite_counts);

  float* at = record.data();
  const auto write = [&](auto&& value_of) {
    for (size_t c = 0; c < channels; ++c)
      *at++ = finite_counts[c] == 0 ? 0.0f : static_cast<float>(value_of(c));
  };
  if (tap.statistics & kMinMax) {
    write([&](size_t c) { return moments[c].min; });
    write([&](size_t c) { return moments[c].max; });
  }
  if (tap.statistics & kMean)
    write([&](size_t c) { return moments[c].sum / static_cast<double>(finite_counts[c]); });
  if (tap.statistics & kMeanSquare)
    write([&](size_t c) { return moments[c].sum_square / static_cast<double>(finite_counts[c]); });
  for (double p : tap.quantiles) {
    for (int64_t c = 0; c < tap.channels; ++c) {
      auto values = finite_values(view, c);
      if (p < 0)
        std::ranges::transform(values, values.begin(), [](float x) { return std::fabs(x); });
      *at++ = values.empty() ? 0.0f : static_cast<float>(records::quantile(values, std::fabs(p)));
    }
  }
  *at++ = total == 0 ? kUnseen
                     : static_cast<float>(static_cast<double>(usable) / static_cast<double>(total));
  EIGHTBIT_CHECK(at == record.data() + record.size(), "record of {} floats filled with {}",
                 record.size(), at - record.data());
  if (counts != nullptr) count(view, finite, moments, *counts);
}

void accumulate_difference(const float* reference, const float* other, int64_t count,
                           double out[4]) {
  HWY_DYNAMIC_DISPATCH(difference_run)(reference, other, count, out);
}

bool all_finite(const float* data, int64_t count) {
  Moments moments;
  return HWY_DYNAMIC_DISPATCH(reduce_run)(data, count, false, moments);
}

}  // namespace eightbit
#endif
