#include "pot/accuracy_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "data/file_set.h"
#include "data/path_text.h"
#include "pot/picture_preparation.h"
#include "pot/reading.h"

namespace eightbit::pot {
namespace {

namespace fs = std::filesystem;

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
  PicturePreparation preparation;  // what is not known is told before files are looked for
  if (const auto reader = find(dataset, "reader")) preparation.reader(*reader);
  const auto own = find(dataset, "preprocessing");
  if (const auto& steps = own ? own : global)
    for (const JsonEntry& step : steps->items()) preparation.step(step);
  Pictures pictures;
  find_pictures(dataset, folder, pictures);
  subsample(dataset, pictures);
  preparation.finish(pictures);
  out.notes.insert(out.notes.end(), preparation.notes().begin(), preparation.notes().end());
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
