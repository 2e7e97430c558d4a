#include "records/second_moments.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <utility>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "records/second_moments.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eightbit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adds the products of eight columns with eight others, both [pairs, 8, 2], to an 8 x 8 block of a
// matrix: sums over rows, which are taken two at a time.
void block_products(const int16_t* HWY_RESTRICT left, const int16_t* HWY_RESTRICT right,
                    int64_t pairs, int32_t* HWY_RESTRICT products, int64_t width) {
  const hn::CappedTag<int16_t, 16> d;
  const hn::RepartitionToWide<decltype(d)> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(di));
  for (int64_t v = 0; v < 8; v += lanes) {
    auto s0 = hn::Zero(di), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    auto t0 = s0, t1 = s0, t2 = s0, t3 = s0, t4 = s0, t5 = s0, t6 = s0, t7 = s0;  // unused on x86
    for (int64_t p = 0; p < pairs; ++p) {
      const auto x = hn::LoadU(d, right + (p * 8 + v) * 2);
      int32_t at[8];
      hwy::CopyBytes<sizeof(at)>(left + p * 16, at);
      const auto both = [&](int32_t pair) { return hn::BitCast(d, hn::Set(di, pair)); };
      s0 = hn::ReorderWidenMulAccumulate(di, both(at[0]), x, s0, t0);
      s1 = hn::ReorderWidenMulAccumulate(di, both(at[1]), x, s1, t1);
      s2 = hn::ReorderWidenMulAccumulate(di, both(at[2]), x, s2, t2);
      s3 = hn::ReorderWidenMulAccumulate(di, both(at[3]), x, s3, t3);
      s4 = hn::ReorderWidenMulAccumulate(di, both(at[4]), x, s4, t4);
      s5 = hn::ReorderWidenMulAccumulate(di, both(at[5]), x, s5, t5);
      s6 = hn::ReorderWidenMulAccumulate(di, both(at[6]), x, s6, t6);
      s7 = hn::ReorderWidenMulAccumulate(di, both(at[7]), x, s7, t7);
    }
    const auto add = [&](auto sum, auto other, int64_t line) {
      int32_t* at = products + line * width + v;
      hn::StoreU(hn::Add(hn::LoadU(di, at), hn::RearrangeToOddPlusEven(sum, other)), di, at);
    };
    add(s0, t0, 0), add(s1, t1, 1), add(s2, t2, 2), add(s3, t3, 3), add(s4, t4, 4), add(s5, t5, 5),
        add(s6, t6, 6), add(s7, t7, 7);
  }
}

// Levels from 0 to `top`, of which 127 are taken off; NaN becomes the lowest.
void levels_of(const float* HWY_RESTRICT values, const float* HWY_RESTRICT low,
               const float* HWY_RESTRICT inverse_step, float top, size_t count,
               int32_t* HWY_RESTRICT levels) {
  const hn::CappedTag<float, 8> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto zero = hn::Zero(d), highest = hn::Set(d, top);
  const size_t lanes = hn::Lanes(d);
  const auto level = [&](size_t c, auto load) {
    const auto x = hn::Mul(hn::Sub(load(values + c), load(low + c)), load(inverse_step + c));
    return hn::Sub(hn::NearestInt(hn::IfThenElse(hn::Gt(x, zero), hn::Min(x, highest), zero)),
                   hn::Set(di, 127));
  };
  size_t c = 0;
  for (; c + lanes <= count; c += lanes)
    hn::StoreU(level(c, [&](const float* at) { return hn::LoadU(d, at); }), di, levels + c);
  for (; c < count; ++c)
    levels[c] = hn::GetLane(level(c, [&](const float* at) { return hn::Set(d, *at); }));
}

}  // namespace eightbit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eightbit {

HWY_EXPORT(block_products);
HWY_EXPORT(levels_of);

namespace {

constexpr int64_t kLanes = 8;

int64_t product(const std::vector<int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{1}, std::multiplies<>());
}

// A well-mixed number from any other (the finalizer of splitmix64).
uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// The r-th of `count` positions that are spread over `all`.
int64_t drawn(int64_t r, int64_t count, int64_t all, uint64_t seed) {
  if (count == all) return r;
  const auto within = static_cast<double>(mixed(seed + static_cast<uint64_t>(r)) >> 11) * 0x1p-53;
  return std::min(static_cast<int64_t>((static_cast<double>(r) + within) *
                                       static_cast<double>(all) / static_cast<double>(count)),
                  all - 1);
}

int64_t entry(const std::vector<int64_t>& values, size_t i, int64_t otherwise) {
  return i < values.size() ? values[i] : otherwise;
}

}  // namespace

int64_t Patches::positions() const { return product(kernel); }

// Where the values of each output position lie in a tensor.
struct SecondMoments::Positions {
  std::vector<int64_t> extents, strides;  // of the tensor, without the channel axis
  std::vector<int64_t> outputs;           // how many positions along each of them
  int64_t channel_stride = 1, count = 0;

  Positions(const Patches& patches, std::span<const int64_t> shape, int64_t axis) {
    int64_t stride = 1;
    std::vector<int64_t> all(shape.size());
    for (size_t i = shape.size(); i-- > 0; stride *= shape[i]) all[i] = stride;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (static_cast<int64_t>(i) == axis) continue;
      extents.push_back(shape[i]);
      strides.push_back(all[i]);
    }
    channel_stride = all[static_cast<size_t>(axis)];
    outputs = extents;
    for (size_t k = 0; k < patches.kernel.size(); ++k) {
      const int64_t reach = (patches.kernel[k] - 1) * entry(patches.dilations, k, 1) + 1;
      const int64_t padded =
          extents[k + 1] + entry(patches.pads_begin, k, 0) + entry(patches.pads_end, k, 0);
      outputs[k + 1] = padded < reach ? 0 : (padded - reach) / entry(patches.strides, k, 1) + 1;
    }
    count = product(outputs);
  }

  // Offset of the first channel under position `tap` of the kernel at output `number`; -1 in the
  // padding.
  int64_t offset(const Patches& patches, int64_t number, int64_t tap) const {
    int64_t offset = 0;
    for (size_t i = outputs.size(); i-- > 0; number /= outputs[i]) {
      int64_t at = number % outputs[i];
      if (const size_t k = i - 1; i > 0 && k < patches.kernel.size()) {
        at = at * entry(patches.strides, k, 1) - entry(patches.pads_begin, k, 0) +
             tap % patches.kernel[k] * entry(patches.dilations, k, 1);
        tap /= patches.kernel[k];
      }
      if (at < 0 || at >= extents[i]) return -1;
      offset += at * strides[i];
    }
    return offset;
  }
};

SecondMoments::SecondMoments(Patches patches, std::vector<float> low, std::vector<float> high,
                             int levels, int64_t rows)
    : patches_(std::move(patches)),
      low_(std::move(low)),
      top_(static_cast<float>(levels - 1)),
      rows_(std::clamp<int64_t>(rows, 1, kMostRows)) {
  const auto channels = static_cast<int64_t>(low_.size());
  EIGHTBIT_CHECK(low_.size() == high.size() && channels > 0 && channels % patches_.groups == 0,
                 "{} channels in {} groups", channels, patches_.groups);
  EIGHTBIT_CHECK(levels > 1 && levels <= kMostLevels, "{} levels", levels);
  for (size_t c = 0; c < low_.size(); ++c) {
    step_.push_back(std::max((high[c] - low_[c]) / top_, 1e-30f));
    inverse_step_.push_back(1 / step_.back());
  }
  size_ = channels / patches_.groups * patches_.positions();
  padded_ = (size_ + kLanes - 1) / kLanes * kLanes;
}

int64_t SecondMoments::bytes() const {
  return patches_.groups * (padded_ * padded_ * static_cast<int64_t>(sizeof(int32_t)) +
                            size_ * static_cast<int64_t>(sizeof(int64_t)));
}

void SecondMoments::release() {
  std::vector<int32_t>().swap(products_);
  std::vector<int64_t>().swap(earlier_);
  std::vector<int64_t>().swap(sums_);
  count_ = together_ = 0;
}

void SecondMoments::add(const float* data, std::span<const int64_t> shape, int64_t axis) {
  const Positions positions(patches_, shape, axis);
  const int64_t count = std::min(rows_, positions.count);
  if (count == 0) return;
  const auto channels = static_cast<int64_t>(low_.size()), taps = patches_.positions();
  const uint64_t seed = mixed(std::bit_cast<uint32_t>(data[0]) +
                              (uint64_t{std::bit_cast<uint32_t>(data[positions.count / 2])} << 32));
  const int64_t pairs = (count + 1) / 2;
  thread_local std::vector<int16_t> panels;  // [groups, padded / 8, pairs, 8, 2]
  thread_local std::vector<int32_t> levels;
  panels.assign(static_cast<size_t>(patches_.groups * pairs * 2 * padded_), 0);
  levels.resize(static_cast<size_t>(channels));
  for (int64_t r = 0; r < count; ++r) {
    const int64_t number = drawn(r, count, positions.count, seed);
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t offset = positions.offset(patches_, number, tap);
      level(offset < 0 ? nullptr : data + offset, positions.channel_stride, levels);
      for (int64_t g = 0, c = 0; g < patches_.groups; ++g) {
        int16_t* group = panels.data() + g * pairs * 2 * padded_;
        for (int64_t k = tap; k < size_; k += taps, ++c)
          group[(((k / kLanes) * pairs + r / 2) * kLanes + k % kLanes) * 2 + r % 2] =
              static_cast<int16_t>(levels[static_cast<size_t>(c)]);
      }
    }
  }
  add_panels(panels, count);
}

// The integers of all channels at one position; null: in the padding, where all are zero.
void SecondMoments::level(const float* data, int64_t stride, std::vector<int32_t>& levels) const {
  thread_local std::vector<float> gathered;
  if (data == nullptr || stride != 1) {
    gathered.assign(levels.size(), 0.0f);
    for (size_t c = 0; data != nullptr && c < levels.size(); ++c)
      gathered[c] = data[static_cast<int64_t>(c) * stride];
    data = gathered.data();
  }
  HWY_DYNAMIC_DISPATCH(levels_of)(data, low_.data(), inverse_step_.data(), top_, levels.size(),
                                  levels.data());
}

void SecondMoments::add_panels(const std::vector<int16_t>& panels, int64_t count) {
  const std::lock_guard lock(mutex_);
  make_room(count);
  count_ += count;
  together_ += count;
  const int64_t pairs = (count + 1) / 2;
  for (int64_t g = 0; g < patches_.groups; ++g) {
    const int16_t* group = panels.data() + g * pairs * 2 * padded_;
    for (int64_t i = 0; i < padded_; i += kLanes)
      for (int64_t j = i; j < padded_; j += kLanes)
        HWY_DYNAMIC_DISPATCH(block_products)(group + i * pairs * 2, group + j * pairs * 2, pairs,
                                             products_.data() + (g * padded_ + i) * padded_ + j,
                                             padded_);
    for (int64_t i = 0; i < size_; ++i) {
      const int16_t* column = group + (i / kLanes * kLanes * pairs + i % kLanes) * 2;
      int64_t sum = 0;
      for (int64_t p = 0; p < pairs; ++p)
        sum += column[p * kLanes * 2] + column[p * kLanes * 2 + 1];
      sums_[static_cast<size_t>(g * size_ + i)] += sum;
    }
  }
}

void SecondMoments::make_room(int64_t count) {
  products_.resize(static_cast<size_t>(patches_.groups * padded_ * padded_));
  sums_.resize(static_cast<size_t>(patches_.groups * size_));
  if (together_ + count <= kMostTogether) return;
  earlier_.resize(products_.size());
  for (size_t i = 0; i < products_.size(); ++i) earlier_[i] += std::exchange(products_[i], 0);
  together_ = 0;
}

std::vector<double> SecondMoments::covariance(int64_t group) const {
  const auto n = static_cast<size_t>(size_);
  std::vector<double> out(n * n);
  if (count_ == 0) return out;
  const auto rows = static_cast<double>(count_);
  const auto step = [&](size_t i) {
    const int64_t in_group = static_cast<int64_t>(step_.size()) / patches_.groups;
    return static_cast<double>(step_[static_cast<size_t>(
        group * in_group + static_cast<int64_t>(i) / patches_.positions())]);
  };
  const auto sum = [&](size_t i) {
    return static_cast<double>(sums_[static_cast<size_t>(group) * n + i]) / rows;
  };
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i; j < n; ++j) {
      const size_t at =
          (static_cast<size_t>(group * padded_) + i) * static_cast<size_t>(padded_) + j;
      const double products =
          static_cast<double>(products_[at] + (earlier_.empty() ? 0 : earlier_[at]));
      out[i * n + j] = out[j * n + i] = (products / rows - sum(i) * sum(j)) * step(i) * step(j);
    }
  return out;
}

}  // namespace eightbit
#endif
