// The formulas of quant/affine.h on tensors of other frameworks.
#include <eightbit/external.h>

#include <cstring>

#include "base/error.h"
#include "quant/affine.h"
#include "quant/channels.h"

namespace eightbit::external {
namespace {

template <typename T>
std::vector<T> numbers(const Tensor& tensor) {
  if (tensor.empty()) return {};
  if constexpr (std::is_same_v<T, double>)
    if (tensor.dtype == DType::f64) return {tensor.as<double>().begin(), tensor.as<double>().end()};
  const std::vector<float> values = to_floats(tensor);
  return {values.begin(), values.end()};
}

template <typename T>
Tensor tensor_of(const std::vector<T>& values, const Shape& shape) {
  Tensor out = Tensor::allocate(std::is_same_v<T, double> ? DType::f64 : DType::f32, shape);
  std::memcpy(out.mutable_data(), values.data(), out.byte_size());
  return out;
}

template <typename T>
Tensor row(const std::vector<T>& values) {
  return tensor_of(values, {static_cast<int64_t>(values.size())});
}

void check_channels(std::string_view what, size_t count, size_t channels) {
  if (count != channels)
    fail<InvalidArgument>("fold", "{} has {} numbers for {} channels. Give one for each", what,
                          count, channels);
}

template <typename T>
Affine norm(const Tensor& mean, const Tensor& variance, const Tensor& gamma, const Tensor& beta,
            double epsilon) {
  const auto means = numbers<T>(mean), variances = numbers<T>(variance),
             factors = numbers<T>(gamma), shifts = numbers<T>(beta);
  check_channels("the variance", variances.size(), means.size());
  if (!factors.empty()) check_channels("gamma", factors.size(), means.size());
  if (!shifts.empty()) check_channels("beta", shifts.size(), means.size());
  const auto affine =
      eightbit::batch_norm<T>(factors, shifts, means, variances, static_cast<T>(epsilon));
  return {row(affine.factor), row(affine.shift)};
}

template <typename T>
Folded folded(const Tensor& weight, const std::vector<int64_t>& axes, const Tensor& bias,
              const Affine& affine) {
  const auto channels = static_cast<size_t>(channel_count(weight.shape, axes));
  const eightbit::Affine<T> numbered{numbers<T>(affine.factor), numbers<T>(affine.shift)};
  check_channels("the factor", numbered.factor.size(), channels);
  check_channels("the shift", numbered.shift.size(), channels);
  const auto biases = numbers<T>(bias);
  if (!biases.empty()) check_channels("the bias", biases.size(), channels);
  auto values = numbers<T>(weight);
  scale_outputs<T>(values, weight.shape, axes, numbered.factor);
  return {tensor_of(values, weight.shape), row(numbered.moved(biases))};
}

}  // namespace

Affine batch_norm(const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                  const Tensor& beta, double epsilon) {
  return mean.dtype == DType::f64 ? norm<double>(mean, variance, gamma, beta, epsilon)
                                  : norm<float>(mean, variance, gamma, beta, epsilon);
}

Folded fold(const Tensor& weight, const std::vector<int64_t>& axes, const Tensor& bias,
            const Affine& affine) {
  return weight.dtype == DType::f64 ? folded<double>(weight, axes, bias, affine)
                                    : folded<float>(weight, axes, bias, affine);
}

}  // namespace eightbit::external
