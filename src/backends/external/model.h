// An external network as the rest of the project sees it.
#pragma once

#include <eightbit/external.h>

#include <mutex>

#include "backends/backend.h"
#include "backends/own_placement.h"

namespace eightbit::external {

class ExternalModel final : public backends::BackendModel, public backends::OwnPlacement {
 public:
  explicit ExternalModel(std::shared_ptr<const Network> network);

  const std::shared_ptr<const Network>& network() const { return network_; }

  std::string_view backend() const override { return network_->backend(); }
  std::string_view file_extension() const override { return ""; }  // its own framework saves it
  const Graph& graph() const override { return graph_; }
  std::vector<PortInfo> inputs() const override { return network_->inputs(); }
  std::vector<PortInfo> outputs() const override { return network_->outputs(); }
  // of the runtimes that such models go to
  Kernels kernels() const override { return {.arithmetic = false}; }
  bool stateful() const override { return network_->stateful(); }
  std::string fingerprint() const override;
  std::optional<Plan> placement() const override;
  std::unique_ptr<backends::Executor> compile(const backends::Program& program) const override;
  std::shared_ptr<const BackendModel> apply(
      const Plan& plan, const std::map<std::string, std::string>& metadata) const override;
  void save(const std::filesystem::path& path, bool overwrite) const override;
  std::unique_ptr<backends::Runner> runner(backends::FloatPrecision precision) const override;
  std::unique_ptr<backends::Runner> timing_runner(
      backends::FloatPrecision precision) const override;
  std::map<std::string, int64_t> weight_bytes() const override;
  std::vector<double> latencies(const Sample& sample, double seconds) const override;
  double throughput(const Sample& sample, double seconds) const override;

 private:
  std::shared_ptr<const Network> network_;
  Graph graph_;
  mutable std::mutex one_at_a_time_;  // calibration compiles two programs at once
  mutable std::once_flag hash_once_;
  mutable std::string fingerprint_;
};

}  // namespace eightbit::external
