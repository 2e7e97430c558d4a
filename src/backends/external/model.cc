#include "backends/external/model.h"

#include <chrono>
#include <set>

#include "backends/external/describe.h"
#include "backends/external/executor.h"
#include "backends/external/instructions.h"
#include "base/error.h"
#include "base/hash.h"

namespace eightbit::external {
namespace {

class ExternalRunner : public backends::Runner {
 public:
  explicit ExternalRunner(const ExternalModel& model)
      : network_(model.network()), binding_(binding_of(model)) {}

  std::vector<Tensor> run(const Sample& sample) override {
    return network_->infer(binding_.bind(sample, count_++));
  }

 private:
  std::shared_ptr<const Network> network_;
  backends::Binding binding_;
  int64_t count_ = 0;
};

}  // namespace

ExternalModel::ExternalModel(std::shared_ptr<const Network> network)
    : network_(std::move(network)), graph_(build_graph(network_->describe())) {}

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

std::unique_ptr<backends::Executor> ExternalModel::compile(const backends::Program& program) const {
  std::lock_guard lock(one_at_a_time_);
  return make_executor(*this, program);
}

std::shared_ptr<const backends::BackendModel> ExternalModel::apply(
    const Plan& plan, const std::map<std::string, std::string>& metadata) const {
  return std::make_shared<const ExternalModel>(
      network_->apply(instructions_of(graph_, plan, true), metadata));
}

void ExternalModel::save(const std::filesystem::path& path, bool) const {
  fail<Unsupported>("save", "'{}': models of {} are saved by their own framework", path.string(),
                    backend());
}

std::unique_ptr<backends::Runner> ExternalModel::runner(backends::FloatPrecision) const {
  return std::make_unique<ExternalRunner>(*this);
}

std::unique_ptr<backends::Runner> ExternalModel::timing_runner(backends::FloatPrecision) const {
  fail<Unsupported>(
      "inspect",
      "{} does not tell in what precision it runs a layer. Convert the model to OpenVINO or ONNX, "
      "or leave the sample out",
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

std::vector<double> ExternalModel::latencies(const Sample& sample, double seconds) const {
  using Clock = std::chrono::steady_clock;
  const auto inputs = binding_of(*this).bind(sample, 0);
  network_->infer(inputs);
  std::vector<double> out;
  for (double spent = 0; out.empty() || spent < seconds; spent += out.back()) {
    const auto begin = Clock::now();
    network_->infer(inputs);
    out.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return out;
}

// The framework keeps all cores busy with one inference.
double ExternalModel::throughput(const Sample& sample, double seconds) const {
  const std::vector<double> times = latencies(sample, seconds);
  double spent = 0;
  for (double time : times) spent += time;
  return static_cast<double>(times.size()) / spent;
}

Model wrap(std::shared_ptr<const Network> network) {
  return Model(std::make_shared<const ExternalModel>(std::move(network)));
}

std::shared_ptr<const Network> unwrap(const Model& model) {
  const auto* impl = dynamic_cast<const ExternalModel*>(&model.impl());
  return impl ? impl->network() : nullptr;
}

}  // namespace eightbit::external
