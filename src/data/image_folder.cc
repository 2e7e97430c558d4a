#include "data/image_folder.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <utility>

#include "base/error.h"
#include "data/image_form.h"
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

// What height x width of the step mean for an image.
cv::Size resized_size(const cv::Mat& image, const ImageStep& step) {
  if (step.aspect == ImageStep::Aspect::ignored)
    return {static_cast<int>(step.width), static_cast<int>(step.height)};
  const double by_height = static_cast<double>(step.height) / image.rows,
               by_width = static_cast<double>(step.width) / image.cols;
  const double by = step.aspect == ImageStep::Aspect::covers ? std::max(by_height, by_width)
                                                             : std::min(by_height, by_width);
  return {std::max(1, static_cast<int>(std::lround(by * image.cols))),
          std::max(1, static_cast<int>(std::lround(by * image.rows)))};
}

cv::Mat resized(const cv::Mat& image, const ImageStep& step) {
  const cv::Size size = resized_size(image, step);
  if (image.size() == size) return image;
  cv::Mat out;
  cv::resize(image, out, size, 0, 0, interpolation_of(step.interpolation));
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

cv::Mat resize(cv::Mat image, const ImageForm& form) {
  for (const ImageStep& step : form.steps)
    image = step.kind == ImageStep::Kind::resize ? resized(image, step) : cropped(image, step);
  if (form.height == 0) return image;
  return resized(image, {.height = form.height, .width = form.width});
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

class ImageStore : public SampleStore {
 public:
  ImageStore(FileSet files, const FileDatasetOptions& options)
      : files_(std::move(files)), form_(image_form(options)), input_(options.input) {}

  int64_t count() const override { return static_cast<int64_t>(files_.paths.size()); }
  Sample load(int64_t index) const override {
    const cv::Mat image = resize(decode(files_.paths[static_cast<size_t>(index)], form_), form_);
    return {{{input_, to_tensor(image, form_)}}, {}};
  }
  std::string fingerprint() const override {
    return fmt::format("images {} as {} input '{}' count {}", files_.digest(), form_.text(), input_,
                       count());
  }

 private:
  FileSet files_;
  ImageForm form_;
  std::string input_;
};

}  // namespace

std::shared_ptr<const SampleStore> open_images(FileSet files, const FileDatasetOptions& options) {
  return std::make_shared<ImageStore>(std::move(files), options);
}

}  // namespace eightbit
