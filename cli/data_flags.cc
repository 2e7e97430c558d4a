#include "data_flags.h"

#include <eightbit/error.h>
#include <fmt/format.h>

#include <charconv>

namespace eightbit::cli {
namespace {

// "0.485,0.456,0.406"; "224x224" too.
template <typename T>
std::vector<T> numbers(const char* flag, const std::string& text) {
  std::vector<T> values;
  const char *position = text.data(), *end = text.data() + text.size();
  while (position != end) {
    T value{};
    const auto [after, error] = std::from_chars(position, end, value);
    const bool separated = after == end || ((*after == ',' || *after == 'x') && after + 1 != end);
    if (error != std::errc{} || !separated)
      throw InvalidArgument(
          fmt::format("[data] {} cannot be '{}'. It takes numbers with commas between, such as {}",
                      flag, text, std::is_integral_v<T> ? "1,3,224,224" : "123.7,116.3,103.5"));
    values.push_back(value);
    position = after == end ? end : after + 1;
  }
  return values;
}

// One whole number of at least `least`.
int64_t whole(const char* flag, const std::string& text, int64_t least) {
  const std::vector<int64_t> values = numbers<int64_t>(flag, text);
  if (values.size() != 1 || values[0] < least)
    throw InvalidArgument(fmt::format(
        "[data] {} cannot be '{}'. It takes a whole number from {} on", flag, text, least));
  return values[0];
}

DType parse_dtype(const std::string& text) {
  std::string allowed;
  for (int i = static_cast<int>(DType::boolean); i < static_cast<int>(DType::string); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (bits_of(dtype) < 8) continue;
    if (text == to_string(dtype)) return dtype;
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", to_string(dtype));
  }
  throw InvalidArgument(fmt::format("[data] --dtype cannot be '{}'. Allowed: {}", text, allowed));
}

}  // namespace

FileDatasetOptions for_model(FileDatasetOptions options, const Model& model) {
  for (const PortInfo& input : model.inputs()) {
    options.model_input_names.push_back(input.name);
    options.model_input_shapes.push_back(input.shape);
    options.model_input_dtypes.push_back(input.dtype);
  }
  return options;
}

void DataFlags::add_to(CLI::App& verb) {
  const char* group = "Data";
  verb.add_option("--data", source_,
                  "Image, sound, .npy, .npz, .bin, .raw, .ark or .scp, a folder or glob of them, "
                  "or a .txt file that "
                  "lists them")
      ->group(group);
  verb.add_option("--mean", mean_, "Images: subtracted, one value or one a channel")->group(group);
  verb.add_option("--scale", scale_, "Images: divided by after the mean")->group(group);
  verb.add_option("--resize", resize_, "Images: HEIGHT,WIDTH; default: the model's input")
      ->group(group);
  verb.add_option("--layout", layout_, "Images: NCHW or NHWC; default: the model's input")
      ->group(group);
  verb.add_option("--color", color_, "Images: RGB, BGR or GRAY")->group(group);
  verb.add_option("--sample-rate", sample_rate_, "Sounds: Hz that they are turned to")
      ->group(group);
  verb.add_option("--channel", channel_, "Sounds: which one, from 0; default: the mean of all")
      ->group(group);
  verb.add_option(
          "--length", length_,
          "Sounds: samples that each is cut or filled to; default: the model's input, else whole")
      ->group(group);
  verb.add_option("--shape", shape_, "Raw binary: shape of a sample, such as 1,3,224,224")
      ->group(group);
  verb.add_option("--dtype", dtype_, "Raw binary: element type, such as f32")->group(group);
  verb.add_option("--input", input_, "Model input that samples without names go to")->group(group);
  verb.add_option("--tokenizer", texts_.tokenizer,
                  "Text (--data is a .txt or .jsonl, a folder or glob of them): the model's "
                  "tokenizer.json (needs Python with eightbit and tokenizers) or "
                  "openvino_tokenizer.xml (needs openvino-tokenizers, and no Python)")
      ->group(group);
  verb.add_option("--text-field", texts_.field,
                  "Text: key of it in .jsonl, or two of a pair with a comma between; default: text")
      ->group(group);
  verb.add_option("--max-length", max_length_,
                  "Text: tokens that it is cut to; default: the model's length")
      ->group(group);
}

std::vector<std::pair<const char*, const std::string*>> DataFlags::details() const {
  return {{"--mean", &mean_},       {"--scale", &scale_},   {"--resize", &resize_},
          {"--layout", &layout_},   {"--color", &color_},   {"--sample-rate", &sample_rate_},
          {"--channel", &channel_}, {"--length", &length_}, {"--shape", &shape_},
          {"--dtype", &dtype_},     {"--input", &input_}};
}

std::string DataFlags::text() const {
  std::string text = "--data " + source_;
  for (const auto& [flag, value] : details())
    if (!value->empty()) text += fmt::format(" {} {}", flag, *value);
  for (const auto& [flag, value] : {std::pair{"--tokenizer", &texts_.tokenizer},
                                    {"--text-field", &texts_.field},
                                    {"--max-length", &max_length_}})
    if (!value->empty()) text += fmt::format(" {} {}", flag, *value);
  return text;
}

void DataFlags::refuse_details(const std::string& why) const {
  for (const auto& [flag, value] : details())
    if (!value->empty())
      throw InvalidArgument(fmt::format("[data] {} has no effect {}. Leave it out", flag, why));
}

Dataset DataFlags::open(const Model& model) const {
  if (!given())
    throw InvalidArgument(
        "[data] --data is missing. Name the calibration samples: a folder of images, a .npz, ...");
  return open(model, source_);
}

Dataset DataFlags::open_texts(const Model& model, const std::string& source) const {
  refuse_details("on text");
  TextFlags flags = texts_;
  if (!max_length_.empty()) flags.max_length = whole("--max-length", max_length_, 1);
  return texts_of(source, flags, model);
}

Dataset DataFlags::open(const Model& model, const std::string& source) const {
  if (!texts_.tokenizer.empty()) return open_texts(model, source);
  for (const auto& [flag, value] :
       {std::pair{"--text-field", &texts_.field}, {"--max-length", &max_length_}})
    if (!value->empty())
      throw InvalidArgument(fmt::format("[data] {} has no effect without --tokenizer", flag));
  FileDatasetOptions options;
  options.mean = numbers<double>("--mean", mean_);
  options.scale = numbers<double>("--scale", scale_);
  options.resize = numbers<int64_t>("--resize", resize_);
  options.shape = numbers<int64_t>("--shape", shape_);
  options.layout = layout_;
  options.color = color_;
  options.input = input_;
  if (!sample_rate_.empty()) options.sample_rate = whole("--sample-rate", sample_rate_, 1);
  if (!channel_.empty()) options.channel = whole("--channel", channel_, 0);
  if (!length_.empty()) options.length = whole("--length", length_, 1);
  if (!dtype_.empty()) options.dtype = parse_dtype(dtype_);
  return open_files(source, for_model(std::move(options), model));
}

std::optional<Sample> DataFlags::first_sample(const Model& model) const {
  if (given()) return open(model).open()->next();
  refuse_details("without --data");
  return std::nullopt;
}

}  // namespace eightbit::cli
