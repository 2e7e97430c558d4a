#include "pot/pictures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "data/file_set.h"
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

// Samples with the same tensors beside each.
class Beside : public SampleSource {
 public:
  Beside(std::unique_ptr<SampleSource> source, std::vector<NamedTensor> constants)
      : source_(std::move(source)), constants_(std::move(constants)) {}

  std::optional<Sample> next() override {
    std::optional<Sample> sample = source_->next();
    if (sample) sample->inputs.insert(sample->inputs.end(), constants_.begin(), constants_.end());
    return sample;
  }
  std::optional<int64_t> size() const override { return source_->size(); }
  void skip(int64_t n) override { source_->skip(n); }
  std::string fingerprint() const override {
    std::string text = source_->fingerprint();
    for (const NamedTensor& constant : constants_)
      text += fmt::format(" {} {}", constant.name, fmt::join(to_floats(constant.tensor), ","));
    return text;
  }

 private:
  std::unique_ptr<SampleSource> source_;
  std::vector<NamedTensor> constants_;
};

}  // namespace

Pictures pictures_of(const JsonEntry& engine, const std::string& given) {
  only(engine, {"type", "data_source", "device", "layout", "central_fraction",
                "stat_requests_number", "eval_requests_number"});
  const auto source = find(engine, "data_source");
  if (!source && given.empty())
    engine.refuse(
        "has no 'data_source'. Name a folder, a list or a glob of pictures, or give --data-source");
  Pictures pictures;
  pictures.files = find_files(source ? path_text(path_in(*source)) : given).paths;
  pictures.options.color = "BGR";
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

Pictures read_pictures(std::string_view engine) {
  const auto content = nlohmann::ordered_json::parse(engine, nullptr, false);
  if (content.is_discarded()) fail<InvalidArgument>(kWhere, "the engine is no valid JSON");
  return pictures_of(JsonEntry(content, kWhere, "engine"), "");
}

Dataset with_constants(Dataset pictures, const std::vector<ConstantInput>& constants,
                       const Model& model) {
  if (constants.empty()) return pictures;
  std::vector<NamedTensor> beside;
  for (const ConstantInput& constant : constants)
    beside.push_back({constant.name, tensor_of(constant, model)});
  return Dataset::from_source([pictures, beside]() -> std::unique_ptr<SampleSource> {
    return std::make_unique<Beside>(pictures.open(), beside);
  });
}

FileDatasetOptions for_channels(FileDatasetOptions options) {
  if (options.model_input_shapes.empty() || options.model_input_shapes.front().size() != 4)
    return options;
  const Shape& input = options.model_input_shapes.front();
  if (input[is_nhwc(options, input) ? 3 : 1] == 1) options.color = "GRAY";
  return options;
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
                                    for_channels(std::move(options)));
  return files.open()->next()->inputs.front().tensor;
}

}  // namespace eightbit::pot
