#include "data/images/image_form.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "data/digest.h"
#include "data/model_input.h"

namespace eightbit {
namespace {

constexpr int64_t kMostSide = 32768;

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

bool is_channels(int64_t d) { return d == 1 || d == 3; }

Shape model_shape(const FileDatasetOptions& options) {
  const size_t index = target_input(options);
  if (index >= options.model_input_shapes.size()) return {};
  const Shape& shape = options.model_input_shapes[index];
  if (!shape.empty() && shape.size() != 4)
    fail<InvalidArgument>(
        "data",
        "images need a model input with 4 dimensions, this one has shape {}. Pass .npy or .npz "
        "files instead",
        to_string(shape));
  return shape;
}

void settle_layout(const FileDatasetOptions& options, const Shape& shape, ImageForm& form) {
  const std::string layout = upper(options.layout);
  if (!layout.empty() && layout != "NCHW" && layout != "NHWC")
    fail<InvalidArgument>("data", "layout '{}' is not known. Allowed: NCHW, NHWC", options.layout);
  const bool looks_nhwc = shape.size() == 4 && is_channels(shape[3]) && !is_channels(shape[1]);
  form.nhwc = layout.empty() ? looks_nhwc : layout == "NHWC";
}

void settle_color(const FileDatasetOptions& options, const Shape& shape, ImageForm& form) {
  const std::string color = upper(options.color);
  if (!color.empty() && color != "RGB" && color != "BGR" && color != "GRAY")
    fail<InvalidArgument>("data", "color '{}' is not known. Allowed: RGB, BGR, GRAY",
                          options.color);
  const int64_t wanted = shape.empty() ? -1 : shape[form.nhwc ? 3 : 1];
  form.channels = color == "GRAY" || (color.empty() && wanted == 1) ? 1 : 3;
  form.bgr = color == "BGR";
  if (wanted >= 0 && wanted != form.channels)
    fail<InvalidArgument>("data",
                          "the model's input {} has {} channels in layout {}, images give {}. Set "
                          "'layout' or 'color', "
                          "or pass .npy or .npz files",
                          to_string(shape), wanted, form.nhwc ? "NHWC" : "NCHW", form.channels);
}

using Size = std::array<int64_t, 2>;  // height and width; 0: not known

void check_side(const Size& size) {
  if (std::ranges::any_of(size, [](int64_t side) { return side < 1 || side > kMostSide; }))
    fail<InvalidArgument>("data", "an image of {}x{} is out of range. Allowed: 1 to {}", size[0],
                          size[1], kMostSide);
}

// What each operation leaves, where that is the same for all images; false: it changes nothing.
class Settling {
 public:
  explicit Settling(const Size& model) : model_(model) {}

  const Size& left() const { return left_; }

  bool operator()(ImageStep& step) {
    if (step.fraction < 0 || step.fraction > 1)
      fail<InvalidArgument>("data", "a crop to {} of an image is out of range. Allowed: 0 to 1",
                            step.fraction);
    if (step.fraction > 0) return left_ = {}, true;
    if (step.height == 0) {
      if (model_[0] == 0 || model_[1] == 0) return false;  // the image keeps its size
      step.height = model_[0];
      step.width = model_[1];
    }
    check_side({step.height, step.width});
    const bool fixed =
        step.kind == ImageStep::Kind::center_crop || step.aspect == ImageStep::Aspect::ignored;
    return left_ = fixed ? Size{step.height, step.width} : Size{}, true;
  }

  bool operator()(ImagePadding& padding) {
    const auto up = [&](int64_t side) {
      return (side + padding.stride - 1) / padding.stride * padding.stride;
    };
    if (padding.height == 0 || padding.width == 0) return left_ = {}, true;
    check_side({padding.height, padding.width});
    return left_ = {up(padding.height), up(padding.width)}, true;
  }

  bool operator()(ImageRescale& rescale) {
    check_side({rescale.height, rescale.width});
    return left_ = {}, true;
  }

 private:
  const Size model_;
  Size left_{};
};

// Sizes that the model decides; and what the last operation leaves must fit the model.
void settle_operations(std::vector<ImageOperation> operations, const FileDatasetOptions& options,
                       const Shape& shape, ImageForm& form) {
  if (!options.resize.empty())
    fail<InvalidArgument>("data", "resize and steps are both given. Leave one out");
  const size_t row_axis = form.nhwc ? 1 : 2;
  Size model{};
  for (size_t i = 0; i < model.size() && !shape.empty(); ++i)
    model[i] = std::max<int64_t>(shape[row_axis + i], 0);
  Settling settle(model);
  for (ImageOperation& operation : operations)
    if (std::visit(settle, operation)) form.operations.push_back(operation);
  if (model[0] == 0 || model[1] == 0 || settle.left() == model) return;
  const Size& left = settle.left();
  fail<InvalidArgument>(
      "data",
      "the steps leave images of {}, the model's input is {}. Add a resize or a crop to {}x{}",
      left[0] > 0 ? fmt::format("{}x{}", left[0], left[1]) : "several sizes", to_string(shape),
      model[0], model[1]);
}

void settle_size(const FileDatasetOptions& options, const ImagePreparation& preparation,
                 const Shape& shape, ImageForm& form) {
  if (!preparation.operations.empty())
    return settle_operations(preparation.operations, options, shape, form);
  if (!options.steps.empty())
    return settle_operations({options.steps.begin(), options.steps.end()}, options, shape, form);
  Shape size = options.resize;
  if (!size.empty() && size.size() != 2)
    fail<InvalidArgument>("data", "resize takes height and width, {} values were given",
                          size.size());
  const size_t row_axis = form.nhwc ? 1 : 2;
  for (size_t i = 0; i < size.size(); ++i) {
    if (size[i] < 1 || size[i] > kMostSide)
      fail<InvalidArgument>("data", "resize to {}x{} is out of range. Allowed: 1 to {}", size[0],
                            size[1], kMostSide);
    if (!shape.empty() && shape[row_axis + i] > 0 && shape[row_axis + i] != size[i])
      fail<InvalidArgument>(
          "data",
          "resize to {}x{} does not fit the model's input {}. Leave it out, or reshape the model",
          size[0], size[1], to_string(shape));
  }
  if (size.empty() && !shape.empty() && shape[row_axis] > 0 && shape[row_axis + 1] > 0)
    size = {shape[row_axis], shape[row_axis + 1]};
  if (size.empty()) return;
  form.height = size[0];
  form.width = size[1];
}

void check_numbers(std::string_view option, const std::vector<double>& numbers, int64_t channels) {
  if (numbers.size() > 1 && numbers.size() != static_cast<size_t>(channels))
    fail<InvalidArgument>(
        "data", "{} has {} values, the images {} channels. Give one value, or one for each channel",
        option, numbers.size(), channels);
  for (double x : numbers)
    if (!std::isfinite(x) || (option == "scale" && x == 0))
      fail<InvalidArgument>("data", "{} has the value {}. Allowed: finite numbers{}", option, x,
                            option == "scale" ? " other than 0" : "");
}

double pick(const std::vector<double>& numbers, size_t channel, double otherwise) {
  if (numbers.empty()) return otherwise;
  return numbers[numbers.size() == 1 ? 0 : channel];
}

void settle_values(const FileDatasetOptions& options, ImageForm& form) {
  check_numbers("mean", options.mean, form.channels);
  check_numbers("scale", options.scale, form.channels);
  for (size_t c = 0; c < form.values.size(); ++c)
    for (size_t level = 0; level < 256; ++level)
      form.values[c][level] =
          static_cast<float>((static_cast<double>(level) -
                              pick(options.mean, c % static_cast<size_t>(form.channels), 0.0)) /
                             pick(options.scale, c % static_cast<size_t>(form.channels), 1.0));
}

// Nobody can see from a model what its pictures are to hold, and the wrong range calibrates to
// noise.
void tell_range(const FileDatasetOptions& options) {
  if (options.mean.empty() && options.scale.empty())
    log(LogLevel::info,
        "images hold values from 0 to 255, as neither mean nor scale is given. A model for 0 to 1 "
        "takes scale 255");
}

void settle_type(const FileDatasetOptions& options, ImageForm& form) {
  const size_t index = target_input(options);
  if (index >= options.model_input_dtypes.size() || options.model_input_dtypes[index] != DType::u8)
    return tell_range(options);
  if (!options.mean.empty() || !options.scale.empty())
    fail<InvalidArgument>("data",
                          "the model's input takes u8, as images are decoded. Leave out mean and "
                          "scale: it normalizes "
                          "by itself");
  form.dtype = DType::u8;
}

// Of an operation, for fingerprints.
struct Described {
  std::string operator()(const ImageStep& step) const {
    return fmt::format("{} {} {} {} {} {}", static_cast<int>(step.kind), step.height, step.width,
                       step.fraction, static_cast<int>(step.aspect),
                       static_cast<int>(step.interpolation));
  }
  std::string operator()(const ImagePadding& padding) const {
    return fmt::format("padding {} {} {} {} {}", padding.height, padding.width, padding.stride,
                       static_cast<int>(padding.side), fmt::join(padding.levels, " "));
  }
  std::string operator()(const ImageRescale& rescale) const {
    return fmt::format("rescale {} {} {} {}", static_cast<int>(rescale.rule), rescale.height,
                       rescale.width, static_cast<int>(rescale.interpolation));
  }
};

}  // namespace

std::string ImageForm::text() const {
  Digest digest;
  for (const auto& table : values) digest.add(std::as_bytes(std::span(table)));
  for (const ImageOperation& operation : operations) digest.add(std::visit(Described(), operation));
  return fmt::format("{}x{}x{} {} {} {} {}", height, width, channels,
                     bgr             ? "BGR"
                     : channels == 1 ? "GRAY"
                                     : "RGB",
                     nhwc ? "NHWC" : "NCHW", to_string(dtype), digest.hex());
}

ImageForm image_form(const FileDatasetOptions& options, const ImagePreparation& preparation) {
  const Shape shape = model_shape(options);
  ImageForm form;
  settle_layout(options, shape, form);
  settle_color(options, shape, form);
  settle_size(options, preparation, shape, form);
  settle_values(options, form);
  settle_type(options, form);
  return form;
}

}  // namespace eightbit
