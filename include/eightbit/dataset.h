// Samples for calibration and comparison: from memory, from a function, or from files. A sample is
// what the model takes at once, and one of some hundred that look like what its users will feed to
// it; labels are not needed.
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eightbit {

// One input of a sample. An empty name means: by position. The element type is converted to the
// input's where no meaning is lost: integers to any float, between float types, between integers
// that hold the values. Numbers are checked: NaN and Inf are a DataError.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// What is fed to the model at once: one tensor for each input. Axis 0 may hold several samples (a
// batch).
struct Sample {
  std::vector<NamedTensor> inputs;
  // Of stateful models: whether their states begin anew in front of this sample. Unset: they do.
  std::optional<bool> reset_state;
};

// A source of samples that is read once, front to back, from one thread at a time.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // The next sample, or nothing at the end. Throws DataError naming the sample.
  virtual std::optional<Sample> next() = 0;
  // Number of calls to next() that will succeed, when it is known without reading.
  virtual std::optional<int64_t> size() const { return std::nullopt; }
  // Jumps over n samples; reads and drops them where the source cannot seek.
  virtual void skip(int64_t n);
  // What identifies the data options (file list, preprocessing) for the fingerprint of statistics;
  // may be "".
  virtual std::string fingerprint() const { return ""; }
};

// A description of data; open() starts a new reading.
class Dataset {
 public:
  Dataset() = default;
  // From a function that yields samples until it returns nothing. Can be opened once.
  static Dataset from_function(std::function<std::optional<Sample>()> next,
                               std::optional<int64_t> size = std::nullopt);
  // From samples in memory, which are shared, not copied. Can be opened again and again.
  static Dataset from_samples(std::vector<Sample> samples);
  // From a range of tensors or samples.
  template <typename Range>
  static Dataset from_range(const Range& range) {
    std::vector<Sample> samples;
    for (const auto& item : range) samples.push_back(as_sample(item));
    return from_samples(std::move(samples));
  }
  // From anything that makes a SampleSource: called once for each reading.
  static Dataset from_source(std::function<std::unique_ptr<SampleSource>()> open);

  // A reading from the start. Throws InvalidArgument where there is no data, or it can be read once
  // and was.
  std::unique_ptr<SampleSource> open() const;
  bool valid() const { return static_cast<bool>(open_); }

 private:
  static Sample as_sample(const Sample& sample) { return sample; }
  static Sample as_sample(const Tensor& tensor) { return {{{"", tensor}}, {}}; }
  std::function<std::unique_ptr<SampleSource>()> open_;
};

// What is done with a decoded image before its values are read, in the order of a list.
struct ImageStep {
  enum class Kind { resize, center_crop };
  enum class Aspect {
    ignored,  // exactly height x width
    covers,   // the shorter side becomes height (or width), the other one keeps the aspect
    fits      // the longer side does
  };
  enum class Interpolation { linear, nearest, cubic, area, lanczos };

  Kind kind = Kind::resize;
  int64_t height = 0, width = 0;  // 0: the model's input decides
  double fraction = 0;            // center_crop: of height and width, in the place of these; 0 to 1
  Aspect aspect = Aspect::ignored;
  Interpolation interpolation = Interpolation::linear;
};

// How files become tensors. Fields that do not concern a kind of file must stay at their defaults.
struct FileDatasetOptions {
  std::vector<double> mean{};  // per channel, or one for all; subtracted first. Images only
  // per channel, or one for all; divided by after the mean. Images only
  std::vector<double> scale{};
  std::vector<int64_t> resize{};   // {height, width}. Images only; empty: the model's input decides
  std::vector<ImageStep> steps{};  // in the place of resize. Images only
  // "NCHW", "NHWC". Images only; empty: the model's input decides, else NCHW
  std::string layout{};
  // "RGB", "BGR", "GRAY". Images only; empty: RGB, GRAY where the model has 1 channel
  std::string color{};
  int64_t sample_rate = 0;           // Hz that sounds are turned to; 0: as they are. Sounds only
  std::optional<int64_t> channel{};  // of sounds, from 0; unset: the mean of all. Sounds only
  // samples that each sound is cut or filled with silence to; 0: the model's input decides, else
  // whole. Sounds only
  int64_t length = 0;
  Shape shape{};             // raw binary: shape of one sample, batch axis included
  DType dtype = DType::f32;  // raw binary: element type
  std::string input{};       // model input that a nameless tensor goes to; empty: the only one

  // Filled by the caller from the model, all in the order of its inputs, or left empty. They choose
  // size, layout and type (f32, or u8 as decoded) of images, and let arrays that are no model input
  // (labels) be passed over.
  std::vector<std::string> model_input_names{};
  std::vector<Shape> model_input_shapes{};
  std::vector<DType> model_input_dtypes{};
};

// SOURCE is an image, a sound (.wav, .flac, .ogg) or a folder of them, a .npy or .npz (arrays named
// as the inputs, samples along axis 0), a folder of .npy, .npz or .bin (a sample each, whole), a
// .bin/.raw file with a declared shape, a Kaldi archive (.ark, binary or text) or a list of places
// in archives (.scp), a glob ("calib/*.jpg"), or a .txt file that lists one path
// a line, relative to its own
// folder. Files of a folder or glob come in sorted order; files are read ahead in the background.
// Of an archive each frame is a sample where the model takes [1, width], else each record as a
// whole: [frames, width], or [1, frames, width] for an input of three axes.
// Keep images and arrays that are not needed out of it: kinds do not mix. Errors: DataError naming
// the file; InvalidArgument for an option without effect on that kind of source.
Dataset open_files(const std::string& source, const FileDatasetOptions& options = {});
// The same of files that are named one by one, in this order.
Dataset open_file_list(const std::vector<std::filesystem::path>& files,
                       const FileDatasetOptions& options = {});

}  // namespace eightbit
