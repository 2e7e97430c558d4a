// An ONNX model as the rest of the project sees it.
#pragma once

#include <mutex>

#include "backends/network.h"
#include "backends/onnx/proto/copy.h"
#include "backends/onnx/proto/proto.h"
#include "backends/onnx/reader.h"

namespace eightbit::onnx {

class OnnxModel final : public backends::Network {
 public:
  // `content` is as parse_model() gives it (model_file.h), bodies open, and does not change from
  // here on.
  explicit OnnxModel(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

  const Content& content() const { return *content_; }
  const ModelProto& native() const { return content_->model; }
  const Reading& reading() const;  // made at the first call
  // A copy to rewrite, with a plan carried out where there is one, as it is: every value of the
  // graph stays what it is.
  Copy copy(const Plan* plan = nullptr) const;

  std::string_view backend() const override { return "onnx"; }
  std::string_view file_extension() const override { return ".onnx"; }
  const Graph& graph() const override { return reading().graph; }
  std::vector<PortInfo> inputs() const override;
  std::vector<PortInfo> outputs() const override;
  bool stateful() const override { return false; }
  std::string fingerprint() const override;
  // ONNX Runtime's: docs/onnx.md.
  Kernels kernels() const override {
    return {.layers_end_in_any_activation = false, .recurrent = false, .arithmetic = false};
  }
  std::shared_ptr<const backends::Network> apply(
      const Plan& plan, const std::map<std::string, std::string>& metadata) const override;
  void save(const std::filesystem::path& path, bool overwrite) const override;
  std::map<std::string, int64_t> weight_bytes() const override;
  const backends::Engine& engine() const override;

 private:
  std::shared_ptr<const Content> content_;
  mutable std::once_flag read_once_, hash_once_;
  mutable Reading reading_;
  mutable std::string fingerprint_;
};

}  // namespace eightbit::onnx
