#include "data/sound/sound_form.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/model_input.h"

namespace eightbit {
namespace {

constexpr int64_t kMostRate = 768000, kMostLength = int64_t{1} << 30;

Shape model_shape(const FileDatasetOptions& options) {
  const size_t index = target_input(options);
  return index < options.model_input_shapes.size() ? options.model_input_shapes[index] : Shape();
}

// The axis along which the sound runs: the only one that may be longer than 1.
Shape settle_shape(const Shape& model) {
  if (model.empty()) return {1, -1};
  Shape shape(model.size(), 1);
  auto along = static_cast<std::ptrdiff_t>(model.size()) - 1;
  for (std::ptrdiff_t axis = std::ssize(model) - 1; axis > 0; --axis)
    if (model[static_cast<size_t>(axis)] != 1) {
      along = axis;
      break;
    }
  for (std::ptrdiff_t axis = 0; axis < std::ssize(model); ++axis)
    if (axis != along && model[static_cast<size_t>(axis)] > 1)
      fail<InvalidArgument>(
          "data",
          "a sound has one axis, the model's input {} has several. Compute what it takes (a "
          "spectrogram, ...) and pass .npy or .npz files",
          to_string(model));
  shape[static_cast<size_t>(along)] = -1;
  return shape;
}

int64_t settle_length(const FileDatasetOptions& options, const Shape& model, const Shape& shape) {
  if (options.length < 0 || options.length > kMostLength)
    fail<InvalidArgument>("data", "length is {}. Allowed: 1 to {}", options.length, kMostLength);
  const auto along = static_cast<size_t>(std::ranges::find(shape, -1) - shape.begin());
  const int64_t fixed = along < model.size() && model[along] > 0 ? model[along] : 0;
  if (options.length && fixed && options.length != fixed)
    fail<InvalidArgument>("data",
                          "a length of {} does not fit the model's input {}. Leave it out, or "
                          "reshape the model",
                          options.length, to_string(model));
  return options.length ? options.length : fixed;
}

}  // namespace

Tensor SoundForm::tensor_of(std::vector<float> samples) const {
  if (length) samples.resize(static_cast<size_t>(length));
  Shape whole = shape;
  std::ranges::replace(whole, int64_t{-1}, static_cast<int64_t>(samples.size()));
  return Tensor::from_floats(samples, whole);
}

std::string SoundForm::text() const {
  return fmt::format("{} Hz channel {} length {} shape {}", rate, channel.value_or(-1), length,
                     to_string(shape));
}

SoundForm sound_form(const FileDatasetOptions& options) {
  const Shape model = model_shape(options);
  if (options.sample_rate < 0 || options.sample_rate > kMostRate)
    fail<InvalidArgument>("data", "a sample rate of {} is out of range. Allowed: 1 to {}",
                          options.sample_rate, kMostRate);
  if (options.channel && *options.channel < 0)
    fail<InvalidArgument>("data", "channel is {}. The first one is 0", *options.channel);
  SoundForm form;
  form.rate = options.sample_rate;
  form.channel = options.channel;
  form.shape = settle_shape(model);
  form.length = settle_length(options, model, form.shape);
  return form;
}

}  // namespace eightbit
