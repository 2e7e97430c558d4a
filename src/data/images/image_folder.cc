#include "data/images/image_folder.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <utility>

#include "base/error.h"
#include "data/images/image_form.h"
#include "data/model_input.h"
#include "data/random_access_file.h"

namespace eightbit {
namespace {

cv::Mat decode(const std::filesystem::path& path, const ImageForm& form) {
  const RandomAccessFile file(path);  // not cv::imread, which takes no Unicode paths on Windows
  const std::vector<std::byte> bytes = file.read(0, file.size());
  cv::Mat image;
  std::string reason = "it is damaged, or not of the kind its name says";
  try {
    if (!bytes.empty()) {
      const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1,
                           const_cast<std::byte*>(bytes.data()));
      image = cv::imdecode(buffer, form.channels == 1 ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR);
    } else {
      reason = "it is empty";
    }
  } catch (const cv::Exception& e) {
    reason = e.err;
  }
  if (image.empty())
    fail<DataError>("data", "image '{}' cannot be decoded: {}. Replace it or take it out",
                    file.name(), reason);
  return image;
}

int interpolation_of(ImageStep::Interpolation interpolation) {
  switch (interpolation) {
    case ImageStep::Interpolation::nearest:
      return cv::INTER_NEAREST;
    case ImageStep::Interpolation::cubic:
      return cv::INTER_CUBIC;
    case ImageStep::Interpolation::area:
      return cv::INTER_AREA;
    case ImageStep::Interpolation::lanczos:
      return cv::INTER_LANCZOS4;
    default:
      return cv::INTER_LINEAR;
  }
}

cv::Size size_of(double width, double height) {
  return {std::max(1, static_cast<int>(std::lround(width))),
          std::max(1, static_cast<int>(std::lround(height)))};
}

// What height x width of the step mean for an image.
cv::Size resized_size(const cv::Mat& image, const ImageStep& step) {
  if (step.aspect == ImageStep::Aspect::ignored)
    return {static_cast<int>(step.width), static_cast<int>(step.height)};
  const double by_height = static_cast<double>(step.height) / image.rows,
               by_width = static_cast<double>(step.width) / image.cols;
  const double by = step.aspect == ImageStep::Aspect::covers ? std::max(by_height, by_width)
                                                             : std::min(by_height, by_width);
  return size_of(by * image.cols, by * image.rows);
}

cv::Size multiples_of(const cv::Mat& image, int64_t longest, int64_t unit) {
  constexpr int64_t kLeast = 32;
  const double by = std::min(1.0, static_cast<double>(longest) / std::max(image.rows, image.cols));
  const auto side = [&](int whole) {
    const auto scaled = static_cast<int64_t>(whole * by);
    const int64_t cut = scaled % unit == 0 ? scaled : (scaled / unit - 1) * unit;
    return static_cast<int>(std::max(kLeast, cut));
  };
  return {side(image.cols), side(image.rows)};
}

cv::Size rescaled_size(const cv::Mat& image, const ImageRescale& rescale) {
  const auto width = static_cast<double>(rescale.width),
             height = static_cast<double>(rescale.height);
  switch (rescale.rule) {
    case ImageRescale::Rule::keeps_height:
      return size_of(width * image.cols / image.rows, height);
    case ImageRescale::Rule::keeps_width:
      return size_of(width, height * image.rows / image.cols);
    default:
      return multiples_of(image, std::max(rescale.width, rescale.height),
                          std::min(rescale.width, rescale.height));
  }
}

cv::Mat resized(const cv::Mat& image, cv::Size size, ImageStep::Interpolation interpolation) {
  if (image.size() == size) return image;
  cv::Mat out;
  cv::resize(image, out, size, 0, 0, interpolation_of(interpolation));
  return out;
}

// The middle. An image that is smaller than that keeps its size.
cv::Mat cropped(const cv::Mat& image, const ImageStep& step) {
  const auto side = [&](int whole, int64_t wanted) {
    const int least = step.fraction > 0 ? std::max(1, static_cast<int>(whole * step.fraction))
                                        : static_cast<int>(wanted);
    return std::min(whole, least);
  };
  const int height = side(image.rows, step.height), width = side(image.cols, step.width);
  return image(cv::Rect((image.cols - width) / 2, (image.rows - height) / 2, width, height));
}

cv::Mat padded(const cv::Mat& image, const ImagePadding& padding) {
  const auto missing = [&](int own, int64_t wanted) {
    const int64_t whole = std::max<int64_t>(own, wanted), stride = padding.stride;
    return static_cast<int>((whole + stride - 1) / stride * stride - own);
  };
  const auto before = [&](int rows) {
    return padding.side == ImagePadding::Side::center     ? rows / 2
           : padding.side == ImagePadding::Side::left_top ? rows
                                                          : 0;
  };
  const int rows = missing(image.rows, padding.height),
            columns = missing(image.cols, padding.width);
  cv::Mat out;
  cv::copyMakeBorder(image, out, before(rows), rows - before(rows), before(columns),
                     columns - before(columns), cv::BORDER_CONSTANT,
                     cv::Scalar(padding.levels[0], padding.levels[1], padding.levels[2]));
  return out;
}

// An image on its way, and the size that the last resizing gave it.
struct Prepared {
  cv::Mat image;
  cv::Size resized;

  void operator()(const ImageStep& step) {
    if (step.kind == ImageStep::Kind::center_crop)
      image = cropped(image, step);
    else
      resize(resized_size(image, step), step.interpolation);
  }
  void operator()(const ImagePadding& padding) { image = padded(image, padding); }
  void operator()(const ImageRescale& rescale) {
    resize(rescaled_size(image, rescale), rescale.interpolation);
  }
  void resize(cv::Size size, ImageStep::Interpolation interpolation) {
    image = eightbit::resized(image, size, interpolation);
    resized = size;
  }
};

Prepared prepare(const cv::Mat& image, const ImageForm& form) {
  Prepared prepared{image, image.size()};
  for (const ImageOperation& operation : form.operations) std::visit(prepared, operation);
  if (form.height > 0) prepared(ImageStep{.height = form.height, .width = form.width});
  return prepared;
}

// OpenCV's pixels are B, G, R by rows. `value(channel, level)` gives the element of the result.
template <typename T, typename Value>
void arrange(const cv::Mat& image, const ImageForm& form, T* out, Value value) {
  const auto channels = static_cast<size_t>(form.channels),
             columns = static_cast<size_t>(image.cols);
  const size_t plane = columns * static_cast<size_t>(image.rows);
  for (size_t y = 0; y < static_cast<size_t>(image.rows); ++y) {
    const uint8_t* row = image.ptr<uint8_t>(static_cast<int>(y));
    for (size_t c = 0; c < channels; ++c) {
      const size_t from = channels == 3 && !form.bgr ? 2 - c : c;
      T* to = form.nhwc ? out + y * columns * channels + c : out + c * plane + y * columns;
      const size_t step = form.nhwc ? channels : 1;
      for (size_t x = 0; x < columns; ++x) to[x * step] = value(c, row[x * channels + from]);
    }
  }
}

Tensor to_tensor(const cv::Mat& image, const ImageForm& form) {
  const Shape shape = form.nhwc ? Shape{1, image.rows, image.cols, form.channels}
                                : Shape{1, form.channels, image.rows, image.cols};
  Tensor tensor = Tensor::allocate(form.dtype, shape);
  if (form.dtype == DType::u8) {
    arrange(image, form, reinterpret_cast<uint8_t*>(tensor.mutable_data()),
            [](size_t, uint8_t level) { return level; });
  } else {
    arrange(image, form, reinterpret_cast<float*>(tensor.mutable_data()),
            [&](size_t c, uint8_t level) { return form.values[c][level]; });
  }
  return tensor;
}

// Inputs that are told sizes, with the number of values that each takes.
class SizeInputs {
 public:
  SizeInputs(const ImagePreparation& preparation, const FileDatasetOptions& options)
      : resized_(input(preparation.image_info, options)),
        original_(input(preparation.original_image_info, options)) {}

  void add_to(Sample& sample, cv::Size resized, cv::Size original) const {
    add(sample, resized_, resized);
    add(sample, original_, original);
  }
  // For fingerprints; empty where there is none.
  std::string text() const {
    if (resized_.name.empty() && original_.name.empty()) return "";
    return fmt::format(" sizes '{}' {} '{}' {}", resized_.name, resized_.values, original_.name,
                       original_.values);
  }

 private:
  struct Input {
    std::string name;
    size_t values = 3;
  };

  static Input input(const std::string& name, const FileDatasetOptions& options) {
    Input input{name};
    if (name.empty()) return input;
    FileDatasetOptions named = options;
    named.input = name;
    const size_t at = target_input(named);
    if (at >= options.model_input_shapes.size()) return input;
    const Shape& shape = options.model_input_shapes[at];
    const int64_t values = shape.empty() ? 0 : shape.back();
    if (shape.size() != 2 || (values != -1 && values != 2 && values != 3 && values != 6))
      fail<InvalidArgument>("data",
                            "the input '{}' of shape {} takes no size of an image. Such inputs are "
                            "[1,2], [1,3] or [1,6]",
                            name, to_string(shape));
    if (values > 0) input.values = static_cast<size_t>(values);
    return input;
  }

  static void add(Sample& sample, const Input& input, cv::Size size) {
    if (input.name.empty()) return;
    std::vector<float> values(input.values, 0.0f);
    values[0] = static_cast<float>(size.height);
    values[1] = static_cast<float>(size.width);
    if (values.size() == 3) values[2] = 1;
    const Shape shape = {1, static_cast<int64_t>(values.size())};
    sample.inputs.push_back({input.name, Tensor::from_floats(values, shape)});
  }

  Input resized_, original_;
};

class ImageStore : public SampleStore {
 public:
  ImageStore(FileSet files, const FileDatasetOptions& options, const ImagePreparation& preparation)
      : files_(std::move(files)),
        form_(image_form(options, preparation)),
        sizes_(preparation, options),
        input_(options.input) {}

  int64_t count() const override { return static_cast<int64_t>(files_.paths.size()); }
  Sample load(int64_t index) const override {
    const cv::Mat image = decode(files_.paths[static_cast<size_t>(index)], form_);
    const Prepared prepared = prepare(image, form_);
    Sample sample{{{input_, to_tensor(prepared.image, form_)}}, {}};
    sizes_.add_to(sample, prepared.resized, image.size());
    return sample;
  }
  std::string fingerprint() const override {
    return fmt::format("images {} as {} input '{}'{} count {}", files_.digest(), form_.text(),
                       input_, sizes_.text(), count());
  }

 private:
  FileSet files_;
  ImageForm form_;
  SizeInputs sizes_;
  std::string input_;
};

}  // namespace

std::shared_ptr<const SampleStore> open_images(FileSet files, const FileDatasetOptions& options,
                                               const ImagePreparation& preparation) {
  return std::make_shared<ImageStore>(std::move(files), options, preparation);
}

}  // namespace eightbit
