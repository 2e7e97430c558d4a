#include "pot/picture_preparation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <memory>
#include <sstream>
#include <tuple>

#include "pot/reading.h"

namespace eightbit::pot {
namespace {

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

std::string type_of_reader(const JsonEntry& entry) {
  return entry.json().is_string() ? entry.text() : entry["type"].text();
}

void only_keys(const JsonEntry& step, const std::vector<std::string>& known) {
  for (const std::string& note : unknown_keys(step, known)) refuse(step, "{}", note);
}

// A key that may be there if it says what is done anyway.
void must_be(const JsonEntry& step, const char* key, const nlohmann::ordered_json& value) {
  if (const auto entry = find(step, key); entry && entry->json() != value)
    refuse(*entry, "it is {}, and can only be {}", entry->json().dump(), value.dump());
}

bool by_pillow(const JsonEntry& step) {
  if (const auto kind = find(step, "resize_realization"))
    return choice(*kind,
                  std::map<std::string, bool, std::less<>>{{"opencv", false}, {"pillow", true}});
  const auto pillow = find(step, "use_pillow");
  return pillow && truth(*pillow);
}

// The checker's words for sets of pictures stand for these numbers, by B, G, R for ImageNet, both
// as means and as deviations.
std::vector<double> values(const JsonEntry& step, const char* key) {
  const auto entry = find(step, key);
  if (!entry) return {};
  if (entry->json() == "imagenet") return {104.00698793, 116.66876762, 122.67891434};
  if (entry->json() == "cifar10") return {125.307, 122.961, 113.8575};
  return numbers(*entry);
}

}  // namespace

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

void PicturePreparation::reader(const JsonEntry& entry) {
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

void PicturePreparation::step(const JsonEntry& step) {
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

void PicturePreparation::finish(Pictures& pictures) const {
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

void PicturePreparation::arrays(const JsonEntry& entry, const std::string& type) {
  are_arrays_ = true;
  kind_ = type;
  if (entry.json().is_string()) return;
  only_keys(entry, {"type", "dtype"});
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

void PicturePreparation::resize(const JsonEntry& step) {
  only_keys(step, {"type", "size", "dst_height", "dst_width", "aspect_ratio_scale", "interpolation",
                   "use_pillow", "resize_realization"});
  ImageStep made;
  std::tie(made.height, made.width) = size_of(step);
  target_ = {made.height, made.width};
  if (const auto kind = find(step, "interpolation")) made.interpolation = interpolation_of(*kind);
  if (by_pillow(step)) {
    // Pillow averages where it makes smaller
    if (made.interpolation != ImageStep::Interpolation::nearest)
      made.interpolation = ImageStep::Interpolation::area;
    notes_.push_back(
        fmt::format("{}: OpenCV resizes by area where the file asks for Pillow", step.path()));
  }
  const auto scale = find(step, "aspect_ratio_scale");
  if (!scale || !rescale(*scale, made)) operations_.emplace_back(made);
}

// Whether the step has become one that keeps the aspect by a side; else `made` says how.
bool PicturePreparation::rescale(const JsonEntry& scale, ImageStep& made) {
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

void PicturePreparation::crop(const JsonEntry& step) {
  only_keys(step, {"type", "size", "dst_height", "dst_width", "central_fraction", "use_pillow"});
  ImageStep made{.kind = ImageStep::Kind::center_crop};
  std::tie(made.height, made.width) = size_of(step);
  if (const auto fraction = find(step, "central_fraction")) made.fraction = real(*fraction);
  operations_.emplace_back(made);
}

// Without a size of its own it fills up what the resize in front of it aimed at.
void PicturePreparation::padding(const JsonEntry& step) {
  only_keys(step, {"type", "size", "dst_height", "dst_width", "stride", "pad_value", "pad_type",
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
    made.side =
        choice(*side, std::map<std::string, Side, std::less<>>{{"center", Side::center},
                                                               {"right_bottom", Side::right_bottom},
                                                               {"left_top", Side::left_top}});
  const auto value = find(step, "pad_value");
  if (value && value->json() == "background")
    refuse(*value, "the colour of the background is not guessed");
  made.levels = value ? levels(*value, numbers(*value)) : levels(step, {0});
  operations_.emplace_back(made);
}

// In the order that OpenCV has channels in. Behind a normalization values are normalized ones.
std::array<double, 3> PicturePreparation::levels(const JsonEntry& entry,
                                                 const std::vector<double>& given) const {
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

// Either of the two steps turns the channels around, whatever they were. Means that were there
// before follow them.
void PicturePreparation::turn(const JsonEntry& step) {
  if (gray_) refuse(step, "grey pictures have no order of channels");
  bgr_ = !bgr_;
  std::ranges::reverse(mean_);
  std::ranges::reverse(scale_);
}

void PicturePreparation::normalize(const JsonEntry& step) {
  only_keys(step, {"type", "mean", "std"});
  if (!mean_.empty() || !scale_.empty()) refuse(step, "a second normalization");
  mean_ = values(step, "mean");
  scale_ = values(step, "std");
}

}  // namespace eightbit::pot
