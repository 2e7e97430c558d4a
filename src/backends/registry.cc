// The one place that names backends: the format of a file, and the engine that is asked for, decide
// which one reads it, and what lies beside it.
#include <eightbit/recipe.h>

#include <algorithm>

#include "backends/network.h"
#include "backends/onnx/model.h"
#include "backends/onnx/model_file.h"
#include "backends/openvino_part.h"
#include "base/error.h"

namespace eightbit {

std::filesystem::path recipe_path(const std::filesystem::path& model) {
  if (model.extension() == ".onnx") return std::filesystem::path(model) += ".recipe.json";
  return std::filesystem::path(model).replace_extension(".recipe.json");
}

namespace backends {
namespace {

// The folder of a SavedModel is read, too.
bool is_read_by_openvino(std::string_view extension) {
  return std::ranges::find(openvino::kFormats, extension, &openvino::Format::extension) !=
         std::end(openvino::kFormats);
}

}  // namespace

std::shared_ptr<const Network> read(const std::filesystem::path& path, eightbit::Engine engine) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  std::error_code code;
  if (!is_read_by_openvino(extension) && !std::filesystem::is_directory(path, code))
    fail<Unsupported>("read",
                      "'{}' is not a model format that is read from files. Allowed are OpenVINO IR "
                      "(.xml), ONNX (.onnx), and what OpenVINO turns "
                      "into IR: TensorFlow Lite (.tflite), TensorFlow (a SavedModel's folder, or a "
                      "frozen .pb) and PaddlePaddle (.pdmodel)",
                      path.string());
  if (extension != ".onnx" && engine == eightbit::Engine::onnxruntime)
    fail<Unsupported>(
        "read",
        "'{}' is a model for OpenVINO, which ONNX Runtime does not run. Choose engine openvino",
        path.string());
  if (extension == ".onnx" && engine != eightbit::Engine::openvino)
    return std::make_shared<const onnx::OnnxModel>(onnx::read_file(path));
  return openvino::part().read(path);
}

}  // namespace backends

}  // namespace eightbit
