// An OpenVINO model as the rest of the project sees it.
#pragma once

#include <mutex>
#include <openvino/core/model.hpp>

#include "backends/network.h"
#include "backends/openvino/copy.h"
#include "backends/openvino/reader.h"
#include "kernels/kernel_faults.h"

namespace eightbit::openvino {

class OpenVinoModel final : public backends::Network {
 public:
  // `model` must not change from here on.
  explicit OpenVinoModel(std::shared_ptr<const ov::Model> model) : model_(std::move(model)) {}

  const std::shared_ptr<const ov::Model>& native() const { return model_; }
  const Reading& reading() const;  // made at the first call
  // A copy to rewrite, with a plan carried out where there is one; see copy.h for the way from ids
  // to its nodes.
  Copy copy(const Plan* plan = nullptr) const;

  std::string_view backend() const override { return "openvino"; }
  std::string_view file_extension() const override { return ".xml"; }
  const Graph& graph() const override { return reading().graph; }
  std::vector<PortInfo> inputs() const override;
  std::vector<PortInfo> outputs() const override;
  Kernels kernels() const override {
    return {.layers_may_end_in_floats = true,
            .recurrent = false,
            .arithmetic = false,
            .quantizers_scale_channels = true,
            .faults = &kOpenVinoFaults};
  }
  bool stateful() const override { return !model_->get_variables().empty(); }
  std::string fingerprint() const override;

  const backends::Engine& engine() const override;
  std::shared_ptr<const backends::Network> apply(
      const Plan& plan, const std::map<std::string, std::string>& metadata) const override;
  void save(const std::filesystem::path& path, bool overwrite) const override;
  std::map<std::string, int64_t> weight_bytes() const override;

 private:
  std::shared_ptr<const ov::Model> model_;
  mutable std::once_flag read_once_, hash_once_;
  mutable Reading reading_;
  mutable std::string fingerprint_;
};

// What is behind a network of this backend. Throws Unsupported for one of another.
const OpenVinoModel& native(const backends::Network& network);

}  // namespace eightbit::openvino
