#include "backends/openvino/model.h"

#include "backends/openvino/compiler/padded_convolutions.h"
#include "backends/openvino/compiler/runtime_faults.h"
#include "backends/openvino/compiler/zero_points.h"
#include "backends/openvino/executor.h"
#include "backends/openvino/fingerprint.h"
#include "backends/openvino/save.h"
#include "backends/openvino/types.h"
#include "backends/openvino/writer.h"
#include "base/error.h"

namespace eightbit::openvino {

namespace {

class OpenVinoEngine final : public backends::Engine {
 public:
  std::unique_ptr<backends::Executor> compile(
      const backends::Network& network, backends::Measurement measurement,
      const backends::RunSettings& settings) const override {
    return make_executor(native(network), std::move(measurement), settings);
  }
  bool can_inject() const override { return true; }
  std::unique_ptr<backends::Runner> runner(const backends::Network& network,
                                           backends::FloatPrecision precision) const override {
    return make_runner(native(network), precision);
  }
  std::unique_ptr<backends::Runner> timing_runner(
      const backends::Network& network, backends::FloatPrecision precision) const override {
    return make_runner(native(network), precision, true);
  }
  std::vector<std::unique_ptr<backends::Runner>> parallel_runners(
      const backends::Network& network) const override {
    return make_parallel_runners(native(network));
  }
};

}  // namespace

const OpenVinoModel& native(const backends::Network& network) {
  const auto* model = dynamic_cast<const OpenVinoModel*>(&network);
  if (!model)
    fail<Unsupported>(
        "openvino",
        "a model of the backend '{}' cannot be turned into an OpenVINO model; use its own "
        "package",
        network.backend());
  return *model;
}

const backends::Engine& OpenVinoModel::engine() const {
  static const OpenVinoEngine engine;
  return engine;
}

const Reading& OpenVinoModel::reading() const {
  std::call_once(read_once_, [this] { reading_ = read_graph(*model_); });
  return reading_;
}

Copy OpenVinoModel::copy(const Plan* plan) const {
  Copy copy = copy_model(*model_, reading());
  if (plan) apply_plan(copy, graph(), *plan);
  return copy;
}

std::vector<PortInfo> OpenVinoModel::inputs() const {
  std::vector<PortInfo> ports;
  for (const auto& input : model_->inputs())
    ports.push_back(port_info(input, input.get_node()->get_friendly_name()));
  return ports;
}

std::vector<PortInfo> OpenVinoModel::outputs() const {
  std::vector<PortInfo> ports;
  for (const auto& output : model_->outputs())
    ports.push_back(
        port_info(output, output.get_node()->get_input_node_ptr(0)->get_friendly_name()));
  return ports;
}

std::string OpenVinoModel::fingerprint() const {
  std::call_once(hash_once_,
                 [this] { fingerprint_ = fmt::format("{:016x}", openvino::fingerprint(*model_)); });
  return fingerprint_;
}

std::shared_ptr<const backends::Network> OpenVinoModel::apply(
    const Plan& plan, const std::map<std::string, std::string>& metadata) const {
  auto rewritten = copy(&plan).model;
  fold_zero_points(*rewritten);
  avoid_runtime_faults(*rewritten);
  prefer_faster_padded_kernels(*rewritten);
  name_new_nodes(*rewritten);
  for (const auto& [key, value] : metadata)
    rewritten->set_rt_info(value, std::vector<std::string>{"eightbit", "quantization", key});
  return std::make_shared<const OpenVinoModel>(std::move(rewritten));
}

void OpenVinoModel::save(const std::filesystem::path& path, bool overwrite) const {
  save_model(*model_, path, overwrite);
}

}  // namespace eightbit::openvino
