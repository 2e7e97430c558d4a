#include "quant/affine.h"

#include <cmath>

#include "quant/channels.h"

namespace eightbit {

template <typename T>
void Affine<T>::append(const Affine& next) {
  for (size_t c = 0; c < factor.size(); ++c) {
    factor[c] *= next.factor[c];
    shift[c] = shift[c] * next.factor[c] + next.shift[c];
  }
}

template <typename T>
std::vector<T> Affine<T>::moved(std::span<const T> bias) const {
  std::vector<T> out(factor.size());
  for (size_t c = 0; c < out.size(); ++c)
    out[c] = (bias.empty() ? T(0) : bias[c]) * factor[c] + shift[c];
  return out;
}

template <typename T>
Affine<T> batch_norm(std::span<const T> gamma, std::span<const T> beta, std::span<const T> mean,
                     std::span<const T> variance, T epsilon) {
  Affine<T> out = Affine<T>::of(mean.size());
  for (size_t c = 0; c < mean.size(); ++c) {
    out.factor[c] = (gamma.empty() ? T(1) : gamma[c]) / std::sqrt(variance[c] + epsilon);
    out.shift[c] = (beta.empty() ? T(0) : beta[c]) - mean[c] * out.factor[c];
  }
  return out;
}

template <typename T>
void scale_outputs(std::span<T> weight, const Shape& shape, const std::vector<int64_t>& axes,
                   std::span<const T> factor) {
  for_each_run(shape, axes, [&](int64_t channel, int64_t first, int64_t count) {
    for (T& value : weight.subspan(static_cast<size_t>(first), static_cast<size_t>(count)))
      value *= factor[static_cast<size_t>(channel)];
  });
}

template struct Affine<float>;
template struct Affine<double>;
template Affine<float> batch_norm(std::span<const float>, std::span<const float>,
                                  std::span<const float>, std::span<const float>, float);
template Affine<double> batch_norm(std::span<const double>, std::span<const double>,
                                   std::span<const double>, std::span<const double>, double);
template void scale_outputs(std::span<float>, const Shape&, const std::vector<int64_t>&,
                            std::span<const float>);
template void scale_outputs(std::span<double>, const Shape&, const std::vector<int64_t>&,
                            std::span<const double>);

}  // namespace eightbit
