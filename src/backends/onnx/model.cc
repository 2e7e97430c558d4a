#include "backends/onnx/model.h"

#include <eightbit/onnx.h>

#include "backends/onnx/bodies.h"
#include "backends/onnx/executor.h"
#include "backends/onnx/fingerprint.h"
#include "backends/onnx/model_file.h"
#include "backends/onnx/save.h"
#include "backends/onnx/types.h"
#include "backends/onnx/writer.h"
#include "base/error.h"

namespace eightbit::onnx {

const Reading& OnnxModel::reading() const {
  std::call_once(read_once_, [this] { reading_ = read_graph(content_); });
  return reading_;
}

Copy OnnxModel::copy(const Plan* plan) const {
  Copy copy{*content_, reading().values};
  if (plan) apply_plan(copy, reading(), *plan, Layout::plain);
  return copy;
}

std::vector<PortInfo> OnnxModel::inputs() const {
  std::vector<PortInfo> ports;
  for (const auto& input : native().graph().input()) ports.push_back(to_port(input));
  return ports;
}

std::vector<PortInfo> OnnxModel::outputs() const {
  std::vector<PortInfo> ports;
  for (const auto& output : native().graph().output()) ports.push_back(to_port(output));
  return ports;
}

std::string OnnxModel::fingerprint() const {
  std::call_once(hash_once_,
                 [this] { fingerprint_ = fmt::format("{:016x}", onnx::fingerprint(*content_)); });
  return fingerprint_;
}

std::unique_ptr<backends::Executor> OnnxModel::compile(const backends::Program& program) const {
  return make_executor(*this, program);
}

std::shared_ptr<const backends::BackendModel> OnnxModel::apply(
    const Plan& plan, const std::map<std::string, std::string>& metadata) const {
  Copy written = copy();
  apply_plan(written, reading(), plan, Layout::kernels);
  auto content = std::make_shared<Content>(std::move(written.content));
  for (const auto& [key, value] : metadata) {
    auto& property = *content->model.add_metadata_props();
    property.set_key("eightbit." + key);
    property.set_value(value);
  }
  return std::make_shared<const OnnxModel>(std::move(content));
}

void OnnxModel::save(const std::filesystem::path& path, bool overwrite) const {
  save_model(with_closed_bodies(*content_), path, overwrite);
}

std::map<std::string, int64_t> OnnxModel::weight_bytes() const {
  std::map<std::string, int64_t> bytes;
  for (const auto& initializer : native().graph().initializer()) {
    const DType dtype = to_dtype(initializer.data_type());
    if (bits_of(dtype) > 0)
      bytes[std::string(to_string(dtype))] += static_cast<int64_t>(checked_byte_size(initializer));
  }
  return bytes;
}

Model wrap(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  return Model(std::make_shared<const OnnxModel>(parse_model(bytes, folder, "the model")));
}

bool is_onnx(const Model& model) {
  return dynamic_cast<const OnnxModel*>(&model.impl()) != nullptr;
}

std::string unwrap(const Model& model) {
  const auto* impl = dynamic_cast<const OnnxModel*>(&model.impl());
  if (!impl)
    fail<Unsupported>(
        "onnx",
        "a model of the backend '{}' can not be turned into an ONNX model; use its own package",
        model.impl().backend());
  return serialize(with_closed_bodies(impl->content()));
}

}  // namespace eightbit::onnx
