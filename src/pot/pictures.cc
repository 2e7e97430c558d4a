#include "pot/pictures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <utility>

#include "data/file_set.h"
#include "data/images/image_preparation.h"
#include "data/path_text.h"
#include "pot/reading.h"

namespace eightbit::pot {
namespace {

// "NCHW" of the layouts that pictures may have; an N is not asked for.
std::string layout_of(const JsonEntry& entry) {
  return choice(entry, std::map<std::string, std::string, std::less<>>{
                           {"NCHW", "NCHW"}, {"CHW", "NCHW"}, {"NHWC", "NHWC"}, {"HWC", "NHWC"}});
}

bool is_nhwc(const FileDatasetOptions& options, const Shape& input) {
  const auto is_channels = [](int64_t size) { return size == 1 || size == 3; };
  if (!options.layout.empty()) return options.layout == "NHWC";
  return is_channels(input[3]) && !is_channels(input[1]);
}

// One channel makes pictures grey.
FileDatasetOptions for_channels(FileDatasetOptions options, size_t input) {
  if (input >= options.model_input_shapes.size()) return options;
  const Shape& shape = options.model_input_shapes[input];
  if (shape.size() == 4 && shape[is_nhwc(options, shape) ? 3 : 1] == 1) options.color = "GRAY";
  return options;
}

Tensor tensor_of(const ConstantInput& constant, const Model& model) {
  const std::vector<PortInfo> inputs = model.inputs();
  const auto input = std::ranges::find(inputs, constant.name, &PortInfo::name);
  if (input == inputs.end())
    fail<InvalidArgument>(kWhere, "the model has no input '{}', which a constant is for",
                          constant.name);
  Shape shape = input->shape;
  std::ranges::replace(shape, -1, 1);
  const std::vector<float> values(constant.values.begin(), constant.values.end());
  if (element_count(shape) != static_cast<int64_t>(values.size()))
    fail<InvalidArgument>(kWhere,
                          "the constant for the input '{}' has {} values, and its shape is {}",
                          constant.name, values.size(), to_string(input->shape));
  return Tensor::from_floats(values, shape);
}

// Another source, of which samples change.
class Changed : public SampleSource {
 public:
  explicit Changed(std::unique_ptr<SampleSource> source) : source_(std::move(source)) {}

  std::optional<Sample> next() override {
    std::optional<Sample> sample = source_->next();
    if (sample) change(*sample);
    return sample;
  }
  std::optional<int64_t> size() const override { return source_->size(); }
  void skip(int64_t n) override { source_->skip(n); }
  std::string fingerprint() const override { return source_->fingerprint() + text(); }

 private:
  virtual void change(Sample& sample) const = 0;
  virtual std::string text() const = 0;

  std::unique_ptr<SampleSource> source_;
};

// Samples with the same tensors beside each.
class Beside : public Changed {
 public:
  Beside(std::unique_ptr<SampleSource> source, std::vector<NamedTensor> constants)
      : Changed(std::move(source)), constants_(std::move(constants)) {}

 private:
  void change(Sample& sample) const override {
    sample.inputs.insert(sample.inputs.end(), constants_.begin(), constants_.end());
  }
  std::string text() const override {
    std::string text;
    for (const NamedTensor& constant : constants_)
      text += fmt::format(" {} {}", constant.name, fmt::join(to_floats(constant.tensor), ","));
    return text;
  }

  std::vector<NamedTensor> constants_;
};

// [height, width, channels] as [channels, height, width]; a batch axis stays in front.
Tensor planes_of(const Tensor& tensor) {
  const size_t from = tensor.shape.size() - 3;
  Shape shape = tensor.shape;
  std::rotate(shape.begin() + static_cast<std::ptrdiff_t>(from), shape.end() - 1, shape.end());
  Tensor out = Tensor::allocate(tensor.dtype, shape);
  const auto size = bits_of(tensor.dtype) / 8, channels = static_cast<size_t>(shape[from]),
             plane = static_cast<size_t>(shape[from + 1] * shape[from + 2]);
  const size_t images = from == 0 ? 1 : static_cast<size_t>(shape[0]);
  for (size_t image = 0; image < images; ++image)
    for (size_t c = 0; c < channels; ++c)
      for (size_t i = 0; i < plane; ++i)
        std::copy_n(tensor.data + ((image * plane + i) * channels + c) * size, size,
                    out.mutable_data() + ((image * channels + c) * plane + i) * size);
  return out;
}

// Arrays of files as an input has them: channels in front where `planes`, and a batch axis.
class AsInput : public Changed {
 public:
  AsInput(std::unique_ptr<SampleSource> source, Shape input, bool planes)
      : Changed(std::move(source)), input_(std::move(input)), planes_(planes) {}

 private:
  void change(Sample& sample) const override {
    for (NamedTensor& input : sample.inputs) {
      Tensor& tensor = input.tensor;
      if (planes_ && fits(tensor.shape)) tensor = planes_of(tensor);
      if (tensor.shape.size() + 1 == input_.size()) tensor.shape.insert(tensor.shape.begin(), 1);
    }
  }
  // Whether the array has the input's sizes once its channels are in front.
  bool fits(Shape shape) const {
    if (shape.size() == 3) shape.insert(shape.begin(), 1);
    if (shape.size() != 4) return false;
    std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
    return std::ranges::equal(
        shape, input_, [](int64_t own, int64_t wanted) { return wanted == -1 || own == wanted; });
  }
  std::string text() const override { return planes_ ? " as planes" : ""; }

  Shape input_;
  bool planes_;
};

// Some of the samples, by their numbers in order.
class Some : public SampleSource {
 public:
  Some(std::unique_ptr<SampleSource> source, std::shared_ptr<const std::vector<int64_t>> numbers)
      : source_(std::move(source)), numbers_(std::move(numbers)) {}

  std::optional<Sample> next() override {
    if (at_ == numbers_->size()) return std::nullopt;
    const int64_t number = (*numbers_)[at_++];
    source_->skip(number - passed_);
    passed_ = number + 1;
    return source_->next();
  }
  std::optional<int64_t> size() const override {
    return static_cast<int64_t>(numbers_->size() - at_);
  }
  void skip(int64_t n) override {
    at_ = std::min(numbers_->size(), at_ + static_cast<size_t>(std::max<int64_t>(n, 0)));
  }
  std::string fingerprint() const override {
    return fmt::format("{} samples {}", source_->fingerprint(), fmt::join(*numbers_, ","));
  }

 private:
  std::unique_ptr<SampleSource> source_;
  std::shared_ptr<const std::vector<int64_t>> numbers_;
  size_t at_ = 0;
  int64_t passed_ = 0;
};

FileDatasetOptions options_for(const Pictures& pictures, const Model& model) {
  FileDatasetOptions options = pictures.options;
  for (const PortInfo& input : model.inputs()) {
    options.model_input_names.push_back(input.name);
    options.model_input_shapes.push_back(input.shape);
    options.model_input_dtypes.push_back(input.dtype);
  }
  return options;
}

// The input that pictures go to: that of four axes where there are several, and all others are
// told something else.
size_t picture_input(const FileDatasetOptions& options) {
  const auto& names = options.model_input_names;
  if (!options.input.empty())
    return static_cast<size_t>(std::ranges::find(names, options.input) - names.begin());
  const auto four = std::ranges::find(options.model_input_shapes, size_t{4}, &Shape::size);
  return four == options.model_input_shapes.end()
             ? 0
             : static_cast<size_t>(four - options.model_input_shapes.begin());
}

// Of a model of two inputs, one [1, 3]: it is told the size of each picture.
std::string size_input(const FileDatasetOptions& options, size_t picture) {
  if (options.model_input_shapes.size() != 2 || picture > 1) return "";
  const Shape& other = options.model_input_shapes[1 - picture];
  return other == Shape{1, 3} ? options.model_input_names[1 - picture] : "";
}

Dataset images(const Pictures& pictures, FileDatasetOptions options) {
  const size_t at = picture_input(options);
  if (options.input.empty() && options.model_input_names.size() > 1)
    options.input = options.model_input_names[at];
  ImagePreparation preparation;
  if (pictures.preparation) preparation = *pictures.preparation;
  if (pictures.grey_by_model) {
    options = for_channels(std::move(options), at);
    preparation.image_info = size_input(options, at);
  }
  return open_prepared_images(pictures.files, options, preparation);
}

Dataset arrays(const Pictures& pictures, FileDatasetOptions options) {
  const size_t at = picture_input(options);
  const Shape input =
      at < options.model_input_shapes.size() ? options.model_input_shapes[at] : Shape{};
  if (kind_of(pictures.files.front()) == FileKind::raw && options.shape.empty()) {
    options.shape = input;
    std::ranges::replace(options.shape, -1, 1);
  }
  const bool turned = input.size() == 4 && pictures.options.layout != "NHWC";
  options.layout.clear();
  Dataset data = pictures.rows ? open_files(path_text(pictures.files.front()), options)
                               : open_file_list(pictures.files, options);
  if (!pictures.channels_last) return data;
  return Dataset::from_source(
      [data, input, turned] { return std::make_unique<AsInput>(data.open(), input, turned); });
}

Pictures pictures_from(const JsonEntry& engine, const std::string& source) {
  Pictures pictures;
  FileSet files = find_files(source);
  pictures.files = std::move(files.paths);
  const bool are_images = files.kind == FileKind::image;
  pictures.rows = files.single && !are_images;
  pictures.grey_by_model = are_images;
  if (are_images) pictures.options.color = "BGR";
  if (const auto layout = find(engine, "layout")) pictures.options.layout = layout_of(*layout);
  if (const auto fraction = find(engine, "central_fraction")) {
    const double share = real(*fraction);
    if (!(share > 0 && share <= 1))
      fraction->refuse("is {}. It lies above 0 and is at most 1", share);
    pictures.options.steps = {{.kind = ImageStep::Kind::center_crop, .fraction = share},
                              ImageStep{}};
  }
  return pictures;
}

// Keys of the other engine may stand there where a flag has chosen this one.
const std::vector<std::string> kEngineKeys = {"type",
                                              "data_source",
                                              "device",
                                              "layout",
                                              "central_fraction",
                                              "stat_requests_number",
                                              "eval_requests_number"};
const std::vector<std::string> kOtherKeys = {"config",   "name",   "launchers",
                                             "datasets", "module", "module_config"};

void check_keys(const JsonEntry& engine) {
  std::vector<std::string> known = kEngineKeys;
  const bool chosen_here = engine.has("type") && engine["type"].json() == "simplified";
  if (!chosen_here) known.insert(known.end(), kOtherKeys.begin(), kOtherKeys.end());
  only(engine, known);
}

}  // namespace

Pictures pictures_of(const JsonEntry& engine, const std::string& given) {
  check_keys(engine);
  const auto source = find(engine, "data_source");
  if (!source && given.empty())
    engine.refuse(
        "has no 'data_source'. Name a folder, a list or a glob of pictures, or give --data-source");
  return pictures_from(engine, source ? path_text(path_in(*source)) : given);
}

Pictures pictures_of_part(const JsonEntry& engine, const std::string& part,
                          const std::vector<std::string>& given) {
  check_keys(engine);
  if (const auto sources = find(engine, "data_source"); sources && sources->json().is_object())
    if (const auto own = find(*sources, part.c_str()))
      return pictures_from(engine, path_text(path_in(*own)));
  for (const std::string& one : given)
    if (one.starts_with(part + "=")) return pictures_from(engine, one.substr(part.size() + 1));
  engine.refuse(
      "says nothing of what the part '{0}' is fed. Write \"data_source\": {{\"{0}\": \"FOLDER\"}} "
      "of what comes to it, or give --data-source {0}=FOLDER; or run the whole in Python, by an "
      "engine derived from eightbit.pot.IEEngine (docs/pot.md)",
      part);
}

Pictures read_pictures(std::string_view engine) {
  const auto content = nlohmann::ordered_json::parse(engine, nullptr, false);
  if (content.is_discarded()) fail<InvalidArgument>(kWhere, "the engine is no valid JSON");
  return pictures_of(JsonEntry(content, kWhere, "engine"), "");
}

Dataset open_pictures(const Pictures& pictures, const Model& model) {
  if (pictures.files.empty()) fail<DataError>(kWhere, "no file is named. Name some");
  FileDatasetOptions options = options_for(pictures, model);
  const bool are_images = kind_of(pictures.files.front()) == FileKind::image;
  Dataset data =
      are_images ? images(pictures, std::move(options)) : arrays(pictures, std::move(options));
  if (pictures.constants.empty()) return data;
  std::vector<NamedTensor> beside;
  for (const ConstantInput& constant : pictures.constants)
    beside.push_back({constant.name, tensor_of(constant, model)});
  return Dataset::from_source([data, beside]() -> std::unique_ptr<SampleSource> {
    return std::make_unique<Beside>(data.open(), beside);
  });
}

Dataset subset_of(const Dataset& data, std::optional<int64_t> count, bool shuffle, uint64_t seed) {
  const std::optional<int64_t> size = data.open()->size();
  if (!size || (!count && !shuffle)) return data;
  std::vector<int64_t> numbers(static_cast<size_t>(*size));
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto kept = static_cast<size_t>(std::clamp<int64_t>(count.value_or(*size), 1, *size));
  std::mt19937_64 random(seed);
  for (size_t i = 0; shuffle && i < kept; ++i)
    std::swap(numbers[i], numbers[i + random() % (numbers.size() - i)]);
  numbers.resize(kept);
  std::ranges::sort(numbers);
  const auto chosen = std::make_shared<const std::vector<int64_t>>(std::move(numbers));
  return Dataset::from_source([data, chosen]() -> std::unique_ptr<SampleSource> {
    return std::make_unique<Some>(data.open(), chosen);
  });
}

Tensor read_picture(const Pictures& pictures, int64_t index, const Shape& input) {
  if (index < 0 || static_cast<size_t>(index) >= pictures.files.size())
    fail<InvalidArgument>(kWhere, "there is no picture {}. There are {}", index,
                          pictures.files.size());
  FileDatasetOptions options = pictures.options;
  Shape shape = input;
  if (shape.size() == 3) shape.insert(shape.begin(), 1);
  options.model_input_shapes = {shape};
  options.model_input_dtypes = {DType::u8};
  const auto files = open_file_list({pictures.files[static_cast<size_t>(index)]},
                                    for_channels(std::move(options), 0));
  return files.open()->next()->inputs.front().tensor;
}

}  // namespace eightbit::pot
