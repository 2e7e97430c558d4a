// Second moments of what the weights of one output meet: products of all pairs of values that stand
// under a kernel, or in a row of a matrix. Their covariance says what rounding errors of weights do
// to the output.
//
// Values are counted as levels of their channel's range, as a quantizer would round them. Sums of
// products of integers are exact, so they depend neither on the order of samples nor on threads. Of
// large tensors some positions are taken, spread evenly and drawn anew for each sample.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace eightbit {

// Which values meet the weights of one output. A group's values are ordered as its weights:
// channel, then position of the kernel.
struct Patches {
  int64_t groups = 1;
  // kernel empty: one position, all of them
  std::vector<int64_t> kernel, strides, dilations, pads_begin, pads_end;

  int64_t positions() const;  // of the kernel
  bool operator==(const Patches&) const = default;
};

class SecondMoments {
 public:
  static constexpr int64_t kMostRows = 1024;         // of a sample
  static constexpr int64_t kMostTogether = 1 << 16;  // rows whose sums of products stay below 2^31
  static constexpr int kMostLevels = 256;

  // `low`, `high`: the range of each channel, cut into `levels`. `rows`: positions that are taken
  // of each sample.
  SecondMoments(Patches patches, std::vector<float> low, std::vector<float> high, int levels,
                int64_t rows);

  // Values that one weight of an output meets: channels of a group times positions of the kernel.
  int64_t size() const { return size_; }
  int64_t groups() const { return patches_.groups; }
  // That it takes from the first sample on, until release().
  int64_t bytes() const;
  void release();

  // One sample; channels along `axis`. With a kernel: axis 0 counts items, all others are
  // positions. From any thread. NaN counts as the lowest level.
  void add(const float* data, std::span<const int64_t> shape, int64_t axis);

  // [size, size], row-major, in units of the values; zero before the first sample.
  std::vector<double> covariance(int64_t group) const;

 private:
  struct Positions;

  void level(const float* data, int64_t stride, std::vector<int32_t>& levels) const;
  void add_panels(const std::vector<int16_t>& panels, int64_t count);
  void make_room(int64_t count);

  Patches patches_;
  std::vector<float> low_, step_, inverse_step_;  // by channel
  float top_;                                     // the highest level
  int64_t rows_, size_, padded_;                  // padded_: size_ in whole blocks of 8
  std::mutex mutex_;
  int64_t count_ = 0, together_ = 0;  // rows so far; since products_ were moved to earlier_
  std::vector<int32_t> products_;     // [groups, padded, padded]; upper triangle
  // the same; empty until there are too many rows for products_
  std::vector<int64_t> earlier_;
  std::vector<int64_t> sums_;  // [groups, size]
};

}  // namespace eightbit
