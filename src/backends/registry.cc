// The one place that names backends: the format of a file decides which one reads it.
#include <algorithm>

#include "backends/backend.h"
#include "backends/openvino/core.h"
#include "backends/openvino/model.h"
#include "base/error.h"

namespace eightbit::backends {

std::shared_ptr<const BackendModel> read(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  if (extension != ".xml" && extension != ".onnx")
    fail<Unsupported>(
        "read",
        "'{}' is not a model format that is read from files. Allowed are OpenVINO IR (.xml) and "
        "ONNX (.onnx)",
        path.string());
  return std::make_shared<const openvino::OpenVinoModel>(openvino::read_file(path));
}

}  // namespace eightbit::backends
