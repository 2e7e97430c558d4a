#include "backends/external/model.h"

#include <mutex>
#include <set>

#include "backends/external/describe.h"
#include "backends/external/executor.h"
#include "backends/external/instructions.h"
#include "base/error.h"
#include "base/hash.h"
#include "graph/einsum.h"

namespace eightbit::external {
namespace {

class ExternalRunner : public backends::Runner {
 public:
  explicit ExternalRunner(const ExternalModel& model)
      : network_(model.network()), engine_(model.native_engine()), binding_(binding_of(model)) {}

  std::vector<Tensor> run(const Sample& sample) override {
    inputs_ = binding_.bind(sample, count_++);
    return engine_->infer(*network_, inputs_);
  }
  void again() override { engine_->infer(*network_, inputs_); }

 private:
  std::shared_ptr<const Network> network_;
  std::shared_ptr<const Engine> engine_;
  backends::Binding binding_;
  std::vector<Tensor> inputs_;
  int64_t count_ = 0;
};

const ExternalModel& native(const backends::Network& network) {
  const auto* model = dynamic_cast<const ExternalModel*>(&network);
  if (!model)
    fail<Unsupported>("external", "a model of the backend '{}' is run by its own engine",
                      network.backend());
  return *model;
}

class ExternalEngine final : public backends::Engine {
 public:
  std::unique_ptr<backends::Executor> compile(
      const backends::Network& network, backends::Measurement measurement,
      const backends::RunSettings& settings) const override {
    const ExternalModel& model = native(network);
    std::lock_guard lock(model.one_at_a_time());
    return make_executor(model, measurement, settings);
  }
  std::unique_ptr<backends::Runner> runner(const backends::Network& network,
                                           backends::FloatPrecision) const override {
    return std::make_unique<ExternalRunner>(native(network));
  }
  std::unique_ptr<backends::Runner> timing_runner(const backends::Network& network,
                                                  backends::FloatPrecision) const override {
    fail<Unsupported>(
        "inspect",
        "{} does not tell in what precision it runs a layer. Convert the model to OpenVINO or "
        "ONNX, or leave the sample out",
        network.backend());
  }
  // The framework keeps all cores busy with one inference.
  std::vector<std::unique_ptr<backends::Runner>> parallel_runners(
      const backends::Network& network) const override {
    std::vector<std::unique_ptr<backends::Runner>> runners;
    runners.push_back(std::make_unique<ExternalRunner>(native(network)));
    return runners;
  }
};

}  // namespace

ExternalModel::ExternalModel(std::shared_ptr<const external::Network> network,
                             std::shared_ptr<const external::Engine> engine)
    : network_(std::move(network)),
      native_engine_(std::move(engine)),
      graph_(build_graph(network_->describe())) {}

std::string ExternalModel::fingerprint() const {
  std::call_once(hash_once_, [this] {
    uint64_t hash = mix_hash(kHashStart, hash_bytes(to_text(graph_)));
    for (const Value& value : graph_.values) {
      if (!value.is_constant()) continue;
      const Tensor tensor = value.constant->load();
      hash = mix_hash(hash, hash_bytes(std::span(tensor.data, tensor.byte_size())));
    }
    fingerprint_ = fmt::format("{:016x}", finish_hash(hash));
  });
  return fingerprint_;
}

std::optional<Plan> ExternalModel::placement() const {
  const auto requests = network_->requests();
  return requests ? std::optional(plan_of(graph_, *requests)) : std::nullopt;
}

const backends::Engine& ExternalModel::engine() const {
  static const ExternalEngine engine;
  return engine;
}

std::shared_ptr<const backends::Network> ExternalModel::apply(
    const Plan& plan, const std::map<std::string, std::string>& metadata) const {
  return std::make_shared<const ExternalModel>(
      network_->apply(instructions_of(graph_, plan, true), metadata), native_engine_);
}

void ExternalModel::save(const std::filesystem::path& path, bool) const {
  fail<Unsupported>("save", "'{}': models of {} are saved by their own framework", path.string(),
                    backend());
}

std::map<std::string, int64_t> ExternalModel::weight_bytes() const {
  std::map<std::string, int64_t> bytes;
  std::set<const std::byte*> seen;  // one tensor may stand for several constants
  for (const Value& value : graph_.values) {
    if (!value.is_constant()) continue;
    const Tensor tensor = value.constant->load();
    if (seen.insert(tensor.data).second)
      bytes[std::string(to_string(tensor.dtype))] += static_cast<int64_t>(tensor.byte_size());
  }
  return bytes;
}

std::optional<EinsumProduct> einsum_product(std::string_view equation, int weight_port,
                                            std::optional<int64_t> rank) {
  auto found = eightbit::einsum_product(equation, weight_port, rank);
  if (!found) return std::nullopt;
  return EinsumProduct{found->kept, found->summed, std::move(found->order)};
}

Model wrap(std::shared_ptr<const Network> network, std::shared_ptr<const Engine> engine) {
  return Model(std::make_shared<const ExternalModel>(std::move(network), std::move(engine)));
}

std::shared_ptr<const Network> unwrap(const Model& model) {
  const auto* impl = dynamic_cast<const ExternalModel*>(&model.impl());
  return impl ? impl->network() : nullptr;
}

}  // namespace eightbit::external
