// y = x * factor + shift for each channel: what a batch norm does to the outputs of a layer, and
// numbers behind it; and the layer that does the same by itself:
//   (w x + b) * factor + shift = (w * factor) x + (b * factor + shift)
// A batch norm is gamma * (x - mean) / sqrt(variance + epsilon) + beta (Ioffe and Szegedy, arXiv
// 1502.03167), of the means and variances of training.
#pragma once

#include <eightbit/tensor.h>

#include <span>
#include <vector>

namespace eightbit {

template <typename T>  // float or double
struct Affine {
  std::vector<T> factor, shift;  // by channel

  // Does nothing yet.
  static Affine of(size_t channels) {
    return {std::vector<T>(channels, T(1)), std::vector<T>(channels, T(0))};
  }
  // Goes on with `next`, of as many channels.
  void append(const Affine& next);
  // What becomes of a layer's bias; empty: it had none.
  std::vector<T> moved(std::span<const T> bias) const;
};

// `gamma` and `beta` may be empty: ones, zeros. All others have a number for each channel.
template <typename T>
Affine<T> batch_norm(std::span<const T> gamma, std::span<const T> beta, std::span<const T> mean,
                     std::span<const T> variance, T epsilon);

// Multiplies the weight by the factor of the output channel, which `axes` of `shape` number
// row-major.
template <typename T>
void scale_outputs(std::span<T> weight, const Shape& shape, const std::vector<int64_t>& axes,
                   std::span<const T> factor);

}  // namespace eightbit
