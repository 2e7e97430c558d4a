// What a framework must offer: a network that is read (a Graph) and written (a plan, carried out),
// and an Engine that runs it. Everything else is built on these. A backend is one folder and a line
// in registry.cc.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/engine.h"
#include "backends/measurement.h"
#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/plan.h"

namespace eightbit::backends {

class Network {
 public:
  virtual ~Network() = default;

  virtual std::string_view backend() const = 0;         // "openvino"
  virtual std::string_view file_extension() const = 0;  // of what save() writes: ".xml"
  virtual const Graph& graph() const = 0;
  virtual std::vector<PortInfo> inputs() const = 0;
  virtual std::vector<PortInfo> outputs() const = 0;
  virtual bool stateful() const = 0;
  // Changes whenever topology, shapes or weights change. 16 hexadecimal digits.
  virtual std::string fingerprint() const = 0;
  // Bytes of the stored constants, by element type.
  virtual std::map<std::string, int64_t> weight_bytes() const = 0;

  // What its runtime computes in integers.
  virtual Kernels kernels() const { return {}; }
  // What is quantized, as quantizers without ranges, where the network says it itself; nothing: the
  // target device decides.
  virtual std::optional<Plan> placement() const { return std::nullopt; }

  // The network with the plan carried out. `metadata` is stored in it under "eightbit".
  virtual std::shared_ptr<const Network> apply(
      const Plan& plan, const std::map<std::string, std::string>& metadata) const = 0;
  // Writes all files or none; see Model::save.
  virtual void save(const std::filesystem::path& path, bool overwrite) const = 0;

  virtual const Engine& engine() const = 0;

  // By the network's engine.
  std::unique_ptr<Executor> compile(Measurement measurement,
                                    const RunSettings& settings = {}) const {
    return engine().compile(*this, std::move(measurement), settings);
  }
  std::unique_ptr<Runner> runner(FloatPrecision precision) const {
    return engine().runner(*this, precision);
  }
  std::unique_ptr<Runner> timing_runner(FloatPrecision precision) const {
    return engine().timing_runner(*this, precision);
  }
  // The outputs of each sample, in f32.
  std::vector<std::vector<Tensor>> infer(const std::function<std::optional<Sample>()>& next) const;
  // What was executed, over a few runs.
  std::vector<LayerPrecision> executed_precisions(
      const Sample& sample, FloatPrecision precision = FloatPrecision::f32) const;
};

// Reads a model file; see Model::read. Throws FileError, ModelError, Unsupported.
std::shared_ptr<const Network> read(const std::filesystem::path& path,
                                    eightbit::Engine engine = eightbit::Engine::automatic);

}  // namespace eightbit::backends
