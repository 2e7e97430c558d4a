#include "data/image_folder.h"

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
    fail<DataError>("data", "image '{}' can not be decoded: {}. Replace it or take it out",
                    file.name(), reason);
  return image;
}

cv::Mat resize(cv::Mat image, const ImageForm& form) {
  if (form.height == 0 || (image.rows == form.height && image.cols == form.width)) return image;
  cv::Mat resized;
  cv::resize(image, resized, cv::Size(static_cast<int>(form.width), static_cast<int>(form.height)),
             0, 0, cv::INTER_LINEAR);
  return resized;
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
