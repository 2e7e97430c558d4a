#include "pot/accuracy_checker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "data/file_set.h"
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

fs::path under(const fs::path& path, const char* variable, const fs::path& folder) {
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

// The preparation of pictures, step by step, with the order of their channels so far.
class Preparation {
 public:
  explicit Preparation(CheckedModel& out) : out_(out) {}

  void reader(const JsonEntry* entry) {
    if (!entry) return;
    const std::string type = entry->json().is_string() ? entry->text() : (*entry)["type"].text();
    if (type == "pillow_imread")
      bgr_ = false;
    else if (type != "opencv_imread")
      refuse(*entry, "the reader '{}' is not known. Known: opencv_imread, pillow_imread", type);
  }

  void step(const JsonEntry& step) {
    const std::string type = step["type"].text();
    if (type == "resize")
      resize(step);
    else if (type == "crop")
      crop(step);
    else if (type == "bgr_to_rgb" || type == "rgb_to_bgr")
      turn(step, type == "bgr_to_rgb");
    else if (type == "bgr_to_gray")
      gray_ = true;
    else if (type == "normalization")
      normalize(step);
    else
      refuse(step,
             "the preprocessing '{}' is not known. Known: resize, crop, bgr_to_rgb, rgb_to_bgr, "
             "bgr_to_gray, normalization",
             type);
  }

  void finish(FileDatasetOptions& options) const {
    options.steps = steps_;
    options.color = gray_ ? "GRAY" : bgr_ ? "BGR" : "RGB";
    options.mean = mean_;
    options.scale = scale_;
  }

 private:
  void only(const JsonEntry& step, const std::vector<std::string>& known) {
    for (const std::string& note : unknown_keys(step, known)) refuse(step, "{}", note);
  }

  void resize(const JsonEntry& step) {
    only(step, {"type", "size", "dst_height", "dst_width", "aspect_ratio_scale", "interpolation",
                "use_pillow"});
    ImageStep made;
    std::tie(made.height, made.width) = size_of(step);
    if (const auto scale = find(step, "aspect_ratio_scale"))
      made.aspect = choice(*scale, std::map<std::string, ImageStep::Aspect, std::less<>>{
                                       {"greater", ImageStep::Aspect::covers},
                                       {"fit_to_window", ImageStep::Aspect::fits}});
    using Interpolation = ImageStep::Interpolation;
    if (const auto kind = find(step, "interpolation"))
      made.interpolation = choice(*kind, std::map<std::string, Interpolation, std::less<>>{
                                             {"LINEAR", Interpolation::linear},
                                             {"BILINEAR", Interpolation::linear},
                                             {"NEAREST", Interpolation::nearest},
                                             {"CUBIC", Interpolation::cubic},
                                             {"BICUBIC", Interpolation::cubic},
                                             {"AREA", Interpolation::area},
                                             {"LANCZOS4", Interpolation::lanczos},
                                             {"LANCZOS", Interpolation::lanczos}});
    if (const auto pillow = find(step, "use_pillow"); pillow && truth(*pillow)) {
      // Pillow averages where it makes smaller
      if (made.interpolation != Interpolation::nearest) made.interpolation = Interpolation::area;
      out_.notes.push_back(
          fmt::format("{}: OpenCV resizes by area where the file asks for Pillow", pillow->path()));
    }
    steps_.push_back(made);
  }

  void crop(const JsonEntry& step) {
    only(step, {"type", "size", "dst_height", "dst_width", "central_fraction", "use_pillow"});
    ImageStep made{.kind = ImageStep::Kind::center_crop};
    std::tie(made.height, made.width) = size_of(step);
    if (const auto fraction = find(step, "central_fraction")) made.fraction = real(*fraction);
    steps_.push_back(made);
  }

  // Means that were there before follow the channels.
  void turn(const JsonEntry& step, bool to_rgb) {
    if (gray_) refuse(step, "grey pictures have no order of channels");
    if (bgr_ != to_rgb) refuse(step, "the channels are {} already", bgr_ ? "BGR" : "RGB");
    bgr_ = !to_rgb;
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
  std::vector<ImageStep> steps_;
  std::vector<double> mean_, scale_;
  bool bgr_ = true, gray_ = false;
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

void find_pictures(const JsonEntry& dataset, const fs::path& folder, Pictures& out) {
  const fs::path data = under(path_from_text(dataset["data_source"].text()), "DATA_DIR", folder);
  const auto conversion = find(dataset, "annotation_conversion");
  if (conversion && (*conversion)["converter"].text() == "imagenet")
    return read_annotation(
        *conversion,
        under(path_from_text((*conversion)["annotation_file"].text()), "ANNOTATIONS_DIR", folder),
        data, out);
  out.files = find_files(path_text(data)).paths;
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
  Pictures pictures;
  find_pictures(dataset, folder, pictures);
  subsample(dataset, pictures);
  Preparation preparation(out);
  const auto reader = find(dataset, "reader");
  preparation.reader(reader ? &*reader : nullptr);
  const auto own = find(dataset, "preprocessing");
  if (const auto& steps = own ? own : global)
    for (const JsonEntry& step : steps->items()) preparation.step(step);
  preparation.finish(pictures.options);
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

void read_input(const JsonEntry& input, Pictures& out) {
  const auto type = find(input, "type");
  if (type && type->text() == "CONST_INPUT") {
    out.constants.push_back({input["name"].text(), numbers(input["value"])});
  } else if (!type || type->text() == "INPUT") {
    if (const auto name = find(input, "name")) out.options.input = name->text();
    if (const auto layout = find(input, "layout")) {
      if (layout->text() != "NCHW" && layout->text() != "NHWC")
        refuse(*layout, "the layout {} is not known. Known: NCHW, NHWC", layout->text());
      out.options.layout = layout->text();
    }
  } else {
    refuse(*type, "inputs of the type {} are not known. Known: INPUT, CONST_INPUT", type->text());
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
