#include "records/second_moments.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "quant/rounding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "records/second_moments.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eightbit::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adds the products of eight columns with eight others, both [rows, 8], to an 8 x 8 block of a matrix. f32 sums are exact:
// 1,024 products of at most 127^2 stay below 2^24.
void block_products(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right, int64_t rows,
                    int32_t* HWY_RESTRICT products, int64_t width) {
  const hn::CappedTag<float, 8> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t v = 0; v < 8; v += lanes) {
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    for (int64_t r = 0; r < rows; ++r) {
      const auto x = hn::LoadU(d, right + r * 8 + v);
      const float* at = left + r * 8;
      s0 = hn::MulAdd(hn::Set(d, at[0]), x, s0);
      s1 = hn::MulAdd(hn::Set(d, at[1]), x, s1);
      s2 = hn::MulAdd(hn::Set(d, at[2]), x, s2);
      s3 = hn::MulAdd(hn::Set(d, at[3]), x, s3);
      s4 = hn::MulAdd(hn::Set(d, at[4]), x, s4);
      s5 = hn::MulAdd(hn::Set(d, at[5]), x, s5);
      s6 = hn::MulAdd(hn::Set(d, at[6]), x, s6);
      s7 = hn::MulAdd(hn::Set(d, at[7]), x, s7);
    }
    const auto add = [&](auto sum, int64_t line) {
      int32_t* at = products + line * width + v;
      hn::StoreU(hn::Add(hn::LoadU(di, at), hn::ConvertTo(di, sum)), di, at);
    };
    add(s0, 0), add(s1, 1), add(s2, 2), add(s3, 3), add(s4, 4), add(s5, 5), add(s6, 6), add(s7, 7);
  }
}

}  // namespace eightbit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eightbit {

HWY_EXPORT(block_products);

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
  return std::min(static_cast<int64_t>((static_cast<double>(r) + within) * static_cast<double>(all) / static_cast<double>(count)), all - 1);
}

int64_t entry(const std::vector<int64_t>& values, size_t i, int64_t otherwise) {
  return i < values.size() ? values[i] : otherwise;
}

}  // namespace

int64_t Patches::positions() const { return product(kernel); }

// Where the values of each output position lie in a tensor.
struct SecondMoments::Positions {
  std::vector<int64_t> extents, strides;   // of the tensor, without the channel axis
  std::vector<int64_t> outputs;            // how many positions along each of them
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
      const int64_t padded = extents[k + 1] + entry(patches.pads_begin, k, 0) + entry(patches.pads_end, k, 0);
      outputs[k + 1] = padded < reach ? 0 : (padded - reach) / entry(patches.strides, k, 1) + 1;
    }
    count = product(outputs);
  }

  // Offset of the first channel under position `tap` of the kernel at output `number`; -1 in the padding.
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

SecondMoments::SecondMoments(Patches patches, std::vector<float> low, std::vector<float> high, int64_t rows)
    : patches_(std::move(patches)), rows_(std::clamp<int64_t>(rows, 1, kMostRows)) {
  const auto channels = static_cast<int64_t>(low.size());
  EIGHTBIT_CHECK(low.size() == high.size() && channels > 0 && channels % patches_.groups == 0,
                 "{} channels in {} groups", channels, patches_.groups);
  for (size_t c = 0; c < low.size(); ++c) {
    middle_.push_back((low[c] + high[c]) / 2);
    step_.push_back(std::max((high[c] - low[c]) / 254, 1e-30f));
    inverse_step_.push_back(1 / step_.back());
  }
  size_ = channels / patches_.groups * patches_.positions();
  padded_ = (size_ + kLanes - 1) / kLanes * kLanes;
  products_.resize(static_cast<size_t>(patches_.groups * padded_ * padded_));
  sums_.resize(static_cast<size_t>(patches_.groups * size_));
}

void SecondMoments::add(const float* data, std::span<const int64_t> shape, int64_t axis) {
  const Positions positions(patches_, shape, axis);
  const int64_t count = std::min(rows_, positions.count);
  if (count == 0) return;
  const auto channels = static_cast<int64_t>(middle_.size()), taps = patches_.positions();
  const uint64_t seed = mixed(std::bit_cast<uint32_t>(data[0]) + (uint64_t{std::bit_cast<uint32_t>(data[positions.count / 2])} << 32));
  thread_local std::vector<float> panels, levels;   // panels: [groups, padded / 8, count, 8]
  panels.assign(static_cast<size_t>(patches_.groups * count * padded_), 0.0f);
  levels.resize(static_cast<size_t>(channels));
  for (int64_t r = 0; r < count; ++r) {
    const int64_t number = drawn(r, count, positions.count, seed);
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t offset = positions.offset(patches_, number, tap);
      level(offset < 0 ? nullptr : data + offset, positions.channel_stride, levels);
      for (int64_t g = 0, c = 0; g < patches_.groups; ++g) {
        float* group = panels.data() + g * count * padded_;
        for (int64_t k = tap; k < size_; k += taps, ++c)
          group[((k / kLanes) * count + r) * kLanes + k % kLanes] = levels[static_cast<size_t>(c)];
      }
    }
  }
  add_panels(panels, count);
}

// The integers of all channels at one position; null: in the padding, where all are zero.
void SecondMoments::level(const float* data, int64_t stride, std::vector<float>& levels) const {
  const auto integer = [&](float x, size_t c) {
    const float level = (x - middle_[c]) * inverse_step_[c];
    return round_half_even(std::min(level > -127.0f ? level : -127.0f, 127.0f));   // NaN becomes the lowest
  };
  if (data == nullptr) {
    for (size_t c = 0; c < levels.size(); ++c) levels[c] = integer(0, c);
  } else if (stride == 1) {
    for (size_t c = 0; c < levels.size(); ++c) levels[c] = integer(data[c], c);
  } else {
    for (size_t c = 0; c < levels.size(); ++c) levels[c] = integer(data[static_cast<int64_t>(c) * stride], c);
  }
}

void SecondMoments::add_panels(const std::vector<float>& panels, int64_t count) {
  const std::lock_guard lock(mutex_);
  EIGHTBIT_CHECK(count_ + count <= kMostRows * kMostSamples, "{} rows are more than sums of products hold", count_ + count);
  count_ += count;
  for (int64_t g = 0; g < patches_.groups; ++g) {
    const float* group = panels.data() + g * count * padded_;
    for (int64_t i = 0; i < padded_; i += kLanes)
      for (int64_t j = i; j < padded_; j += kLanes)
        HWY_DYNAMIC_DISPATCH(block_products)(group + i * count, group + j * count, count,
                                             products_.data() + (g * padded_ + i) * padded_ + j, padded_);
    for (int64_t i = 0; i < size_; ++i) {
      const float* column = group + i / kLanes * kLanes * count + i % kLanes;
      float sum = 0;
      for (int64_t r = 0; r < count; ++r) sum += column[r * kLanes];
      sums_[static_cast<size_t>(g * size_ + i)] += static_cast<int64_t>(sum);
    }
  }
}

std::vector<double> SecondMoments::covariance(int64_t group) const {
  const auto n = static_cast<size_t>(size_);
  std::vector<double> out(n * n);
  if (count_ == 0) return out;
  const auto rows = static_cast<double>(count_);
  const auto step = [&](size_t i) {
    const int64_t in_group = static_cast<int64_t>(step_.size()) / patches_.groups;
    return static_cast<double>(step_[static_cast<size_t>(group * in_group + static_cast<int64_t>(i) / patches_.positions())]);
  };
  const auto sum = [&](size_t i) { return static_cast<double>(sums_[static_cast<size_t>(group) * n + i]) / rows; };
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i; j < n; ++j) {
      const size_t at = (static_cast<size_t>(group * padded_) + i) * static_cast<size_t>(padded_) + j;
      out[i * n + j] = out[j * n + i] = (products_[at] / rows - sum(i) * sum(j)) * step(i) * step(j);
    }
  return out;
}

}  // namespace eightbit
#endif
