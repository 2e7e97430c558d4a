// A model of any supported framework, read from a file here, or wrapped (openvino.h, onnx.h,
// external.h).
#pragma once

#include <eightbit/tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

namespace backends {
class Network;
}

// An input or output of a model.
struct PortInfo {
  std::string name;
  DType dtype = DType::undefined;
  Shape shape;  // -1 for a dynamic dimension; {} also for an unknown rank
};

// What reads and runs a model. "auto": the engine of the file's format, ONNX Runtime for .onnx and
// OpenVINO for all else.
enum class Engine { automatic, openvino, onnxruntime };
std::string_view to_string(Engine);  // "auto", "openvino", "onnxruntime"

// A handle: copying it copies a reference. The model behind it never changes, and may be used by
// several threads at once.
class Model {
 public:
  Model() = default;
  explicit Model(std::shared_ptr<const backends::Network> impl) : impl_(std::move(impl)) {}

  // Reads OpenVINO IR (.xml), ONNX (.onnx), TensorFlow Lite (.tflite), TensorFlow (the folder of a
  // SavedModel, or a frozen .pb) or PaddlePaddle (.pdmodel). An ONNX model stays one, and is saved
  // as one, unless `engine` is openvino; all others become OpenVINO models, and are saved as IR.
  // Throws FileError when the file cannot be read, ModelError when it is broken, Unsupported when
  // the engine does not read that format.
  static Model read(const std::filesystem::path& path, Engine engine = Engine::automatic);

  // Writes the whole model or nothing: beside the target, synced, then renamed. IR gets its weights
  // in a .bin beside it. An existing file is refused unless `overwrite`. Throws FileError, and
  // Unsupported for models that their own framework saves.
  void save(const std::filesystem::path& path, bool overwrite = false) const;

  // In the order of the model, which is that of samples without names. Throw InvalidArgument when
  // the handle is empty.
  std::vector<PortInfo> inputs() const;
  std::vector<PortInfo> outputs() const;

  bool valid() const { return impl_ != nullptr; }  // whether there is a model behind the handle
  // For the library itself.
  const backends::Network& impl() const;  // throws InvalidArgument when empty
  const std::shared_ptr<const backends::Network>& shared_impl() const { return impl_; }

 private:
  std::shared_ptr<const backends::Network> impl_;
};

}  // namespace eightbit
