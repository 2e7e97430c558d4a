// An external network as the rest of the project sees it.
#pragma once

#include <eightbit/external.h>

#include <mutex>

#include "backends/network.h"

namespace eightbit::external {

class ExternalModel final : public backends::Network {
 public:
  ExternalModel(std::shared_ptr<const external::Network> network,
                std::shared_ptr<const external::Engine> engine);

  const std::shared_ptr<const external::Network>& network() const { return network_; }
  const std::shared_ptr<const external::Engine>& native_engine() const { return native_engine_; }

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
  const backends::Engine& engine() const override;
  // Held while the network compiles.
  std::mutex& one_at_a_time() const { return one_at_a_time_; }
  std::shared_ptr<const backends::Network> apply(
      const Plan& plan, const std::map<std::string, std::string>& metadata) const override;
  void save(const std::filesystem::path& path, bool overwrite) const override;
  std::map<std::string, int64_t> weight_bytes() const override;

 private:
  std::shared_ptr<const external::Network> network_;
  std::shared_ptr<const external::Engine> native_engine_;
  Graph graph_;
  mutable std::mutex one_at_a_time_;  // calibration compiles two programs at once
  mutable std::once_flag hash_once_;
  mutable std::string fingerprint_;
};

}  // namespace eightbit::external
