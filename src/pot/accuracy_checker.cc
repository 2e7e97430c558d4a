#include "pot/accuracy_checker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "data/file_set.h"
#include "data/image_preparation.h"
#include "data/path_text.h"
#include "pot/reading.h"

namespace eightbit::pot {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWayOut =
    "A DataLoader of ten lines in Python does the same with eightbit.pot (docs/pot.md)";

template <typename... Args>
[[noreturn]] void refuse(const JsonEntry& entry, fmt::format_string<Args...> text, Args&&... args) {
  fail<Unsupported>(kWhere, "{}: {}. {}", entry.path(),
                    fmt::format(text, std::forward<Args>(args)...), kWayOut);
}

// A number, a list, a list of lists, or a text "1.0, 2.0, 3.0".
std::vector<double> numbers(const JsonEntry& entry) {
  std::vector<double> out;
  if (entry.json().is_array()) {
    for (const JsonEntry& item : entry.items())
      for (double value : numbers(item)) out.push_back(value);
    return out;
  }
  if (!entry.json().is_string()) return reals(entry);
  std::stringstream text(entry.text());
  for (std::string one; std::getline(text, one, ',');) {
    double value = 0;
    const size_t from = std::min(one.find_first_not_of(" ()[]"), one.size());
    const auto [end, error] = std::from_chars(one.data() + from, one.data() + one.size(), value);
    if (error != std::errc()) refuse(entry, "'{}' is no list of numbers", entry.text());
    out.push_back(value);
  }
  return out;
}

// The path that `entry` names.
fs::path under(const JsonEntry& entry, const char* variable, const fs::path& folder) {
  const std::string text = entry.text();
  if (const size_t end = text.find('>'); text.starts_with('<') && end != std::string::npos)
    entry.refuse("has the placeholder {}. Put the path there", text.substr(0, end + 1));
  const fs::path path = path_from_text(text);
  if (path.is_absolute()) return path;
  const char* prefix = std::getenv(variable);
  return (prefix && *prefix ? fs::path(prefix) : folder) / path;
}

// Height and width of a step: "size", or dst_height and dst_width; 0 where neither is there.
std::pair<int64_t, int64_t> size_of(const JsonEntry& step) {
  constexpr int64_t kMost = 32768;
  if (const auto size = find(step, "size")) {
    const int64_t side = size->whole(1, kMost);
    return {side, side};
  }
  const auto height = find(step, "dst_height"), width = find(step, "dst_width");
  return {height ? height->whole(1, kMost) : 0, width ? width->whole(1, kMost) : 0};
}

// A text of a file in the letters that tables have it in: "bilinear" is "BILINEAR".
std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

ImageStep::Interpolation interpolation_of(const JsonEntry& entry) {
  using Interpolation = ImageStep::Interpolation;
  static const std::map<std::string, Interpolation, std::less<>> kKnown = {
      {"LINEAR", Interpolation::linear},    {"BILINEAR", Interpolation::linear},
      {"NEAREST", Interpolation::nearest},  {"CUBIC", Interpolation::cubic},
      {"BICUBIC", Interpolation::cubic},    {"AREA", Interpolation::area},
      {"LANCZOS4", Interpolation::lanczos}, {"LANCZOS", Interpolation::lanczos},
      {"ANTIALIAS", Interpolation::lanczos}};
  if (const auto found = kKnown.find(upper(entry.text())); found != kKnown.end())
    return found->second;
  return choice(entry, kKnown);  // which says what there is
}

// The preparation of pictures, step by step, with the order of their channels so far.
class Preparation {
 public:
  explicit Preparation(CheckedModel& out) : out_(out) {}

  void reader(const JsonEntry& entry) {
    const std::string type = type_of_reader(entry);
    if (type == "pillow_imread")
      bgr_ = false;
    else if (type == "numpy_reader" || type == "numpy_bin_reader")
      arrays(entry, type);
    else if (type != "opencv_imread")
      refuse(entry,
             "the reader '{}' is not known. Known: opencv_imread, pillow_imread, numpy_reader, "
             "numpy_bin_reader. Where you have its inputs as arrays, --engine simplified "
             "--data-source FILE.npz takes them",
             type);
  }

  void step(const JsonEntry& step) {
    const std::string type = step["type"].text();
    if (are_arrays_)
      refuse(step, "arrays are taken as they are, and the step '{}' changes them", type);
    if (type == "resize")
      resize(step);
    else if (type == "crop")
      crop(step);
    else if (type == "padding")
      padding(step);
    else if (type == "bgr_to_rgb" || type == "rgb_to_bgr")
      turn(step);
    else if (type == "bgr_to_gray")
      gray_ = true;
    else if (type == "normalization")
      normalize(step);
    else
      refuse(step,
             "the preprocessing '{}' is not known. Known: resize, crop, padding, bgr_to_rgb, "
             "rgb_to_bgr, bgr_to_gray, normalization",
             type);
  }

  void finish(Pictures& pictures) const {
    FileDatasetOptions& options = pictures.options;
    if (are_arrays_) {
      pictures.channels_last = kind_ == "numpy_reader";
      options.dtype = dtype_;
      return;
    }
    auto preparation = std::make_shared<ImagePreparation>();
    preparation->operations = operations_;
    pictures.preparation = std::move(preparation);
    options.color = gray_ ? "GRAY" : bgr_ ? "BGR" : "RGB";
    options.mean = mean_;
    options.scale = scale_;
  }

 private:
  static std::string type_of_reader(const JsonEntry& entry) {
    return entry.json().is_string() ? entry.text() : entry["type"].text();
  }

  void only(const JsonEntry& step, const std::vector<std::string>& known) {
    for (const std::string& note : unknown_keys(step, known)) refuse(step, "{}", note);
  }

  // A key that may be there if it says what is done anyway.
  void must_be(const JsonEntry& step, const char* key, const nlohmann::ordered_json& value) {
    if (const auto entry = find(step, key); entry && entry->json() != value)
      refuse(*entry, "it is {}, and can only be {}", entry->json().dump(), value.dump());
  }

  void arrays(const JsonEntry& entry, const std::string& type) {
    are_arrays_ = true;
    kind_ = type;
    if (entry.json().is_string()) return;
    only(entry, {"type", "dtype"});
    if (const auto name = find(entry, "dtype"))
      dtype_ = choice(*name, std::map<std::string, DType, std::less<>>{{"float32", DType::f32},
                                                                       {"float64", DType::f64},
                                                                       {"float16", DType::f16},
                                                                       {"uint8", DType::u8},
                                                                       {"int8", DType::i8},
                                                                       {"int16", DType::i16},
                                                                       {"int32", DType::i32},
                                                                       {"int64", DType::i64}});
  }

  void resize(const JsonEntry& step) {
    only(step, {"type", "size", "dst_height", "dst_width", "aspect_ratio_scale", "interpolation",
                "use_pillow", "resize_realization"});
    ImageStep made;
    std::tie(made.height, made.width) = size_of(step);
    target_ = {made.height, made.width};
    if (const auto kind = find(step, "interpolation")) made.interpolation = interpolation_of(*kind);
    if (by_pillow(step)) {
      // Pillow averages where it makes smaller
      if (made.interpolation != ImageStep::Interpolation::nearest)
        made.interpolation = ImageStep::Interpolation::area;
      out_.notes.push_back(
          fmt::format("{}: OpenCV resizes by area where the file asks for Pillow", step.path()));
    }
    const auto scale = find(step, "aspect_ratio_scale");
    if (!scale || !rescale(*scale, made)) operations_.emplace_back(made);
  }

  static bool by_pillow(const JsonEntry& step) {
    if (const auto kind = find(step, "resize_realization"))
      return choice(*kind,
                    std::map<std::string, bool, std::less<>>{{"opencv", false}, {"pillow", true}});
    const auto pillow = find(step, "use_pillow");
    return pillow && truth(*pillow);
  }

  // Whether the step has become one that keeps the aspect by a side; else `made` says how.
  bool rescale(const JsonEntry& scale, ImageStep& made) {
    using Rule = ImageRescale::Rule;
    static const std::map<std::string, Rule, std::less<>> kRules = {
        {"width", Rule::keeps_height},
        {"height", Rule::keeps_width},
        {"east_keep_aspect_ratio", Rule::multiples}};
    if (const auto rule = kRules.find(scale.text()); rule != kRules.end()) {
      operations_.emplace_back(
          ImageRescale{rule->second, made.height, made.width, made.interpolation});
      return true;
    }
    if (scale.text() == "greater")
      made.aspect = ImageStep::Aspect::covers;
    else if (scale.text() == "fit_to_window")
      made.aspect = ImageStep::Aspect::fits;
    else
      refuse(scale,
             "the scaling '{}' is not known. Known: greater, width, height, fit_to_window, "
             "east_keep_aspect_ratio",
             scale.text());
    return false;
  }

  void crop(const JsonEntry& step) {
    only(step, {"type", "size", "dst_height", "dst_width", "central_fraction", "use_pillow"});
    ImageStep made{.kind = ImageStep::Kind::center_crop};
    std::tie(made.height, made.width) = size_of(step);
    if (const auto fraction = find(step, "central_fraction")) made.fraction = real(*fraction);
    operations_.emplace_back(made);
  }

  // Without a size of its own it fills up what the resize in front of it aimed at.
  void padding(const JsonEntry& step) {
    only(step, {"type", "size", "dst_height", "dst_width", "stride", "pad_value", "pad_type",
                "use_numpy", "numpy_pad_mode", "enable_resize", "left_top_extend"});
    must_be(step, "numpy_pad_mode", "constant");
    must_be(step, "enable_resize", false);
    must_be(step, "left_top_extend", false);
    ImagePadding made;
    std::tie(made.height, made.width) = size_of(step);
    if (made.height == 0 && made.width == 0) std::tie(made.height, made.width) = target_;
    if (const auto stride = find(step, "stride")) made.stride = stride->whole(1, 32768);
    using Side = ImagePadding::Side;
    if (const auto side = find(step, "pad_type"))
      made.side = choice(
          *side, std::map<std::string, Side, std::less<>>{{"center", Side::center},
                                                          {"right_bottom", Side::right_bottom},
                                                          {"left_top", Side::left_top}});
    if (const auto value = find(step, "pad_value")) made.levels = levels(*value);
    operations_.emplace_back(made);
  }

  // In the order that OpenCV has channels in. Behind a normalization values are normalized ones.
  std::array<double, 3> levels(const JsonEntry& entry) const {
    if (entry.json() == "background") refuse(entry, "the colour of the background is not guessed");
    const std::vector<double> given = numbers(entry);
    if (given.size() != 1 && given.size() != 3)
      refuse(entry, "{} values are given. Give one, or one for each channel", given.size());
    const auto pick = [](const std::vector<double>& values, size_t i, double otherwise) {
      return values.empty() ? otherwise : values[values.size() == 1 ? 0 : i];
    };
    std::array<double, 3> out{};
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = pick(given, i, 0) * pick(scale_, i, 1) + pick(mean_, i, 0);
      if (!(out[i] >= 0 && out[i] <= 255))
        refuse(entry, "it stands for the level {} of pictures, which have 0 to 255", out[i]);
    }
    if (!bgr_) std::ranges::reverse(out);
    return out;
  }

  // Either of the two turns the channels around, whatever they were. Means that were there before
  // follow them.
  void turn(const JsonEntry& step) {
    if (gray_) refuse(step, "grey pictures have no order of channels");
    bgr_ = !bgr_;
    std::ranges::reverse(mean_);
    std::ranges::reverse(scale_);
  }

  void normalize(const JsonEntry& step) {
    only(step, {"type", "mean", "std"});
    if (!mean_.empty() || !scale_.empty()) refuse(step, "a second normalization");
    mean_ = values(step, "mean");
    scale_ = values(step, "std");
  }

  // The checker's words for sets of pictures stand for these numbers, by B, G, R for ImageNet, both
  // as means and as deviations.
  std::vector<double> values(const JsonEntry& step, const char* key) const {
    const auto entry = find(step, key);
    if (!entry) return {};
    if (entry->json() == "imagenet") return {104.00698793, 116.66876762, 122.67891434};
    if (entry->json() == "cifar10") return {125.307, 122.961, 113.8575};
    return numbers(*entry);
  }

  CheckedModel& out_;
  std::vector<ImageOperation> operations_;
  std::pair<int64_t, int64_t> target_{0, 0};  // height and width of the last resize
  std::vector<double> mean_, scale_;
  bool bgr_ = true, gray_ = false;
  bool are_arrays_ = false;
  std::string kind_;  // the reader, of arrays
  DType dtype_ = DType::f32;
};

// Lines "name label" of ImageNet's annotation files.
void read_annotation(const JsonEntry& conversion, const fs::path& file, const fs::path& data,
                     Pictures& out) {
  std::ifstream stream(file);
  if (!stream)
    fail<FileError>(kWhere, "{}: '{}' cannot be opened", conversion.path(), path_text(file));
  const auto background = find(conversion, "has_background");
  const int64_t shift = background && truth(*background) ? 1 : 0;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    std::istringstream words(line);
    std::string name;
    int64_t label = 0;
    if (!(words >> name)) continue;
    if (!(words >> label))
      fail<DataError>(kWhere, "'{}' line {}: '{}' has no label. Lines are: name label",
                      path_text(file), number, line);
    out.files.push_back(data / path_from_text(name));
    out.labels.push_back(label + shift);
  }
  if (out.files.empty()) fail<DataError>(kWhere, "'{}' names no pictures", path_text(file));
}

// Files of numpy arrays lie beside those of their labels, and are told from them by their names.
void keep_with_suffix(const JsonEntry& conversion, Pictures& out) {
  const auto given = find(conversion, "data_suffix");
  const std::string suffix = given ? given->text() : "_data_cropped";
  std::erase_if(out.files,
                [&](const fs::path& file) { return !path_text(file.stem()).ends_with(suffix); });
  if (out.files.empty())
    fail<DataError>(kWhere, "{}: no file's name ends with '{}'. Set data_suffix", conversion.path(),
                    suffix);
}

void find_pictures(const JsonEntry& dataset, const fs::path& folder, Pictures& out) {
  const fs::path data = under(dataset["data_source"], "DATA_DIR", folder);
  const auto conversion = find(dataset, "annotation_conversion");
  const std::string converter = conversion ? (*conversion)["converter"].text() : "";
  if (converter == "imagenet")
    return read_annotation(
        *conversion, under((*conversion)["annotation_file"], "ANNOTATIONS_DIR", folder), data, out);
  out.files = find_files(path_text(data)).paths;
  if (converter == "brats_numpy") keep_with_suffix(*conversion, out);
}

// A number of pictures, or "10%".
void subsample(const JsonEntry& dataset, Pictures& out) {
  const auto size = find(dataset, "subsample_size");
  if (!size) return;
  auto most = static_cast<int64_t>(out.files.size());
  if (size->json().is_string() && size->text().ends_with('%')) {
    double percent = 0;
    const std::string text = size->text();
    std::from_chars(text.data(), text.data() + text.size(), percent);
    most = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(most) * percent / 100));
  } else {
    most = std::min(most, size->whole(1, int64_t{1} << 40));
  }
  out.files.resize(static_cast<size_t>(most));
  if (!out.labels.empty()) out.labels.resize(static_cast<size_t>(most));
}

Pictures pictures_of(const JsonEntry& dataset, const std::optional<JsonEntry>& global,
                     const fs::path& folder, CheckedModel& out) {
  Preparation preparation(out);  // what is not known is told before files are looked for
  if (const auto reader = find(dataset, "reader")) preparation.reader(*reader);
  const auto own = find(dataset, "preprocessing");
  if (const auto& steps = own ? own : global)
    for (const JsonEntry& step : steps->items()) preparation.step(step);
  Pictures pictures;
  find_pictures(dataset, folder, pictures);
  subsample(dataset, pictures);
  preparation.finish(pictures);
  return pictures;
}

// Calibration needs none of them, so that the others are refused only where they are.
void read_metrics(const JsonEntry& dataset, CheckedModel& out) {
  const auto metrics = find(dataset, "metrics");
  if (!metrics) return;
  for (const JsonEntry& metric : metrics->items()) {
    const std::string type = metric["type"].text();
    const auto k = find(metric, "top_k");
    const int64_t top = k ? k->whole(1, 1000) : 1;
    if (type == "accuracy" && (top == 1 || top == 5))
      out.top_k.push_back(top);
    else if (out.unmeasured.empty())
      out.unmeasured =
          fmt::format("{}: the metric '{}'{} is not known. Known: accuracy with top_k 1 or 5. {}",
                      metric.path(), type, k ? fmt::format(" of the first {}", top) : "", kWayOut);
  }
}

void tell_size(const JsonEntry& input, bool as_decoded, Pictures& out) {
  if (!out.preparation) refuse(input, "arrays have no size of a picture to tell");
  ImagePreparation preparation = *out.preparation;
  std::string& name = as_decoded ? preparation.original_image_info : preparation.image_info;
  name = input["name"].text();
  out.preparation = std::make_shared<const ImagePreparation>(std::move(preparation));
}

void read_input(const JsonEntry& input, Pictures& out) {
  const auto type = find(input, "type");
  if (type && type->text() == "CONST_INPUT") {
    out.constants.push_back({input["name"].text(), numbers(input["value"])});
  } else if (type && (type->text() == "IMAGE_INFO" || type->text() == "ORIG_IMAGE_INFO")) {
    tell_size(input, type->text() == "ORIG_IMAGE_INFO", out);
  } else if (!type || type->text() == "INPUT") {
    if (const auto name = find(input, "name")) out.options.input = name->text();
    if (const auto layout = find(input, "layout")) {
      if (layout->text() != "NCHW" && layout->text() != "NHWC")
        refuse(*layout, "the layout {} is not known. Known: NCHW, NHWC", layout->text());
      out.options.layout = layout->text();
    }
  } else {
    refuse(*type,
           "inputs of the type {} are not known. Known: INPUT, CONST_INPUT, IMAGE_INFO, "
           "ORIG_IMAGE_INFO",
           type->text());
  }
}

// Of the first launcher.
void read_inputs(const JsonEntry& model, Pictures& out) {
  const auto launchers = find(model, "launchers");
  if (!launchers || launchers->items().empty()) return;
  if (const auto inputs = find(launchers->items().front(), "inputs"))
    for (const JsonEntry& input : inputs->items()) read_input(input, out);
}

}  // namespace

CheckedModel checked_model(const JsonEntry& model, const fs::path& folder) {
  CheckedModel out;
  const JsonEntry datasets = model["datasets"];
  const bool two = datasets.json().is_object();
  const auto global = two ? find(datasets, "preprocessing") : std::nullopt;
  if (!two && datasets.items().empty()) datasets.refuse("is empty. Name a dataset");
  const JsonEntry first = two ? datasets["optimization"] : datasets.items().front();
  const JsonEntry second = two ? datasets["evaluation"] : first;
  out.calibration = pictures_of(first, global, folder, out);
  out.evaluation = two ? pictures_of(second, global, folder, out) : out.calibration;
  read_inputs(model, out.calibration);
  read_inputs(model, out.evaluation);
  read_metrics(second, out);
  return out;
}

}  // namespace eightbit::pot
