#include "backends/onnx/model.h"

#include <eightbit/onnx.h>

#include "backends/onnx/bodies/closing.h"
#include "backends/onnx/executor.h"
#include "backends/onnx/model_file.h"
#include "backends/onnx/proto/fingerprint.h"
#include "backends/onnx/proto/types.h"
#include "backends/onnx/save.h"
#include "backends/onnx/writer.h"
#include "base/error.h"

namespace eightbit::onnx {

namespace {

const OnnxModel& native(const backends::Network& network) {
  const auto* model = dynamic_cast<const OnnxModel*>(&network);
  if (!model)
    fail<Unsupported>(
        "onnx",
        "a model of the backend '{}' cannot be turned into an ONNX model; use its own package",
        network.backend());
  return *model;
}

class OnnxEngine final : public backends::Engine {
 public:
  std::unique_ptr<backends::Executor> compile(
      const backends::Network& network, backends::Measurement measurement,
      const backends::RunSettings& settings) const override {
    return make_executor(native(network), std::move(measurement), settings);
  }
  std::unique_ptr<backends::Runner> runner(const backends::Network& network,
                                           backends::FloatPrecision) const override {
    return make_runner(native(network));
  }
  std::unique_ptr<backends::Runner> timing_runner(const backends::Network& network,
                                                  backends::FloatPrecision) const override {
    return make_timing_runner(native(network));
  }
  std::vector<std::unique_ptr<backends::Runner>> parallel_runners(
      const backends::Network& network) const override {
    return make_parallel_runners(native(network));
  }
  bool can_inject() const override { return true; }
};

}  // namespace

const backends::Engine& OnnxModel::engine() const {
  static const OnnxEngine engine;
  return engine;
}

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

std::shared_ptr<const backends::Network> OnnxModel::apply(
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
  return serialize(with_closed_bodies(native(model.impl()).content()));
}

}  // namespace eightbit::onnx
