#include "backends/openvino/core.h"

#include <algorithm>
#include <fstream>
#include <openvino/frontend/manager.hpp>
#include <openvino/runtime/properties.hpp>
#include <sstream>

#include "backends/openvino/normal_form/made_up_names.h"
#include "backends/openvino_part.h"
#include "base/error.h"

namespace eightbit::openvino {
namespace {

std::string lower_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return extension;
}

// TensorFlow's too for folders.
std::string_view framework_of(const std::filesystem::path& path) {
  const auto format = std::ranges::find(kFormats, lower_extension(path), &Format::extension);
  return format == std::end(kFormats) ? "tf" : format->framework;
}

bool is_saved_model(const std::filesystem::path& folder) {
  std::error_code code;
  return std::filesystem::exists(folder / "saved_model.pb", code);
}

void check_readable(const std::filesystem::path& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status))
    fail<FileError>("read", "'{}' does not exist. Give the path of a model's file", path.string());
  if (std::filesystem::is_directory(status)) {
    if (is_saved_model(path)) return;
    fail<FileError>("read",
                    "'{}' is a folder, and no SavedModel of TensorFlow: it holds no "
                    "saved_model.pb. Give the path of the "
                    "model's file in it",
                    path.string());
  }
  if (!std::ifstream(path, std::ios::binary))
    fail<FileError>("read", "'{}' cannot be opened. Check its permissions", path.string());
  if (std::filesystem::file_size(path, code) == 0 && !code)
    fail<ModelError>("read", "'{}' is empty. Export or copy the model again", path.string());
}

// OpenVINO's own format does, and ONNX's front end does it for each node.
bool names_its_nodes(const std::filesystem::path& path) {
  const std::string_view framework = framework_of(path);
  return framework == "ir" || framework == "onnx";
}

bool lacks_weights(const std::filesystem::path& path) {
  auto weights = path;
  return path.extension() == ".xml" && !std::filesystem::exists(weights.replace_extension(".bin"));
}

// Asks only the reader of that format. Core::read_model would try all of them, and some print what
// they think of it.
bool is_of_its_format(const std::filesystem::path& path) {
  static auto* manager = new ov::frontend::FrontEndManager();
  const auto reader = manager->load_by_framework(std::string(framework_of(path)));
  return !reader || reader->supported(path.string());
}

// Lines that say where in OpenVINO's source an error was raised.
bool is_source_position(const std::string& line) {
  return line.empty() || line.starts_with("Exception from ") ||
         (line.starts_with("Check '") && line.find("' failed at ") != std::string::npos);
}

}  // namespace

// Never destroyed: plugins must outlive everything that a static object may still hold.
ov::Core& core() {
  static auto* core = new ov::Core();
  return *core;
}

ov::AnyMap compile_options(int threads) {
  ov::AnyMap options{ov::hint::inference_precision(ov::element::f32)};
  if (threads > 0) options.insert(ov::inference_num_threads(threads));
  return options;
}

ov::CompiledModel compiled_for_cpu(const std::shared_ptr<const ov::Model>& model,
                                   const ov::AnyMap& options) {
  try {
    return core().compile_model(model, "CPU", options);
  } catch (const std::exception& error) {
    fail<ModelError>("openvino", "the model '{}' cannot be compiled for the CPU: {}",
                     model->get_friendly_name(), cause_of(error));
  }
}

std::string cause_of(const std::exception& error) {
  std::istringstream lines(error.what());
  std::string cause;
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == ':' || line.back() == ' ' || line.back() == '\r'))
      line.pop_back();
    if (is_source_position(line)) continue;
    if (!cause.empty()) cause += "; ";
    cause += line;
  }
  constexpr size_t kLongest = 500;
  if (cause.size() > kLongest) cause = cause.substr(0, kLongest) + "...";
  return cause.empty() ? "no cause was given" : cause;
}

std::shared_ptr<ov::Model> read_file(const std::filesystem::path& path) {
  check_readable(path);
  try {
    if (!is_of_its_format(path))
      throw std::runtime_error("its contents do not begin as such a file does");
    const uint64_t first = next_node_number();
    auto model = core().read_model(path);
    if (!names_its_nodes(path)) rename_made_up(*model, first);
    return model;
  } catch (const std::exception& error) {
    if (lacks_weights(path))
      fail<FileError>(
          "read", "'{}' has no weights beside it: '{}' is missing. Copy both files of the model",
          path.string(), std::filesystem::path(path).replace_extension(".bin").filename().string());
    fail<ModelError>(
        "read", "'{}' is broken or not a model that OpenVINO can read: {}. Export the model again",
        path.string(), cause_of(error));
  }
}

}  // namespace eightbit::openvino
