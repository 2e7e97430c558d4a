// What a framework must offer: read (a Graph), run (samples through an instrumented model) and
// write (carry out a plan). Everything else is built on these. A backend is one folder and a line
// in registry.cc.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/log.h>
#include <eightbit/model.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "quant/kernels.h"
#include "quant/plan.h"
#include "records/bias_probe.h"
#include "records/histogram.h"
#include "records/tap.h"

namespace eightbit::backends {

class BackendModel;

using eightbit::BiasProbe;

// How far `planned` is from `reference` at one value: sums over all elements.
struct Comparison {
  ValueId reference = kNone;  // in the float model's graph
  // in `other`'s graph; kNone: the same value in the planned model
  ValueId planned = kNone;
  // set: also the mean of planned - reference for each channel of it
  int64_t axis = kNone;
  int64_t channels = 0;

  // Floats of its record: a Difference; with an axis the means of its channels and the number of
  // elements as well.
  int64_t record_size() const { return axis == kNone ? 4 : 4 + channels + 1; }
};

// Consumers of `planned` in `other` read `reference` of the float model instead. Not for values in
// branches.
struct Cut {
  ValueId reference = kNone;
  ValueId planned = kNone;
};
struct Difference {   // results of a Comparison, per sample
  double signal = 0;  // sum of reference^2
  double noise = 0;   // sum of (reference - planned)^2
  double dot = 0;     // sum of reference * planned
  double power = 0;   // sum of planned^2
};

// A measurement to compile. One record a sample comes back: taps, then probes, then comparisons. A
// comparison in a branch that the sample did not take gives zeros.
struct Program {
  // the second, planned copy of the model (probes, comparisons)
  const Plan* plan = nullptr;
  // or: a second model with the same inputs (comparisons only)
  const BackendModel* other = nullptr;
  std::vector<Tap> taps;  // on the float model
  std::vector<BiasProbe> probes;
  // What the probes compare with: a row a sample, in the order of the run, the float model's means
  // of each probe in turn.
  std::vector<std::vector<float>> reference_means;
  std::vector<Comparison> comparisons;
  std::vector<Cut> cuts;  // of `other`
  // nodes of `other`, in order, that hand on their first input
  std::vector<NodeId> bypassed;
  int threads = 0;                  // 0: all cores
  bool integer_arithmetic = false;  // run quantizers as the runtime does, not in float
  // Where the plan quantizes an activation, the planned model reads the float one's: each layer
  // adds its noise and inherits none.
  bool layers_alone = false;
  // Nodes of the planned model that a run can put back into float, in order, where can_switch():
  // with a number s between 0 and 1 for each switch they yield float + s (quantized - float).
  // `switch_rows`: the numbers of each run.
  std::vector<std::vector<NodeId>> switches;
  std::vector<std::vector<float>> switch_rows;
  // what messages call the k-th sample that is run; unset: k
  std::function<int64_t(int64_t)> number_of;

  int64_t number(int64_t k) const { return number_of ? number_of(k) : k; }
};

// Called in sample order, from the thread that called run().
using RecordCallback = std::function<void(int64_t sample, std::span<const float> record)>;

class Executor {
 public:
  virtual ~Executor() = default;
  // Pulls samples until next() returns nothing and hands out one record for each *sample* (each
  // item of a batch). `next` runs on the calling thread while earlier samples are being inferred.
  // An exception from `next` or `record` ends the run once samples in flight have been recorded,
  // and is passed on.
  virtual void run(const std::function<std::optional<Sample>()>& next,
                   const RecordCallback& record) = 0;
  // Counts over all samples run so far: for each tap, histogram_count() histograms.
  virtual std::vector<std::vector<Histogram>> histograms() const = 0;
};

struct LayerPrecision {  // what a runtime really executed
  std::string name, type, precision;
  double milliseconds = 0;
  // of the model that became this layer, as far as the runtime tells
  std::vector<std::string> nodes;
};

// What a runtime computes floats in: what it chooses by itself (bf16, where the processor has it),
// or f32.
enum class FloatPrecision { by_default, f32 };

// A model compiled as its users compile it: with no setting of ours but the precision of floats.
class Runner {
 public:
  virtual ~Runner() = default;
  // The outputs in order; states are reset first unless the sample says otherwise. Throws DataError
  // naming the sample by its place in the order of the runs.
  virtual std::vector<Tensor> run(const Sample& sample) = 0;
  // The type that floats are computed in: "f32", "bf16", "f16".
  virtual std::string precision() const { return "f32"; }
  // Of a timing_runner(), once: what was executed, in order, with the least milliseconds of each
  // layer over all runs.
  virtual std::vector<LayerPrecision> layers() { return {}; }
};

class BackendModel {
 public:
  virtual ~BackendModel() = default;

  virtual std::string_view backend() const = 0;         // "openvino"
  virtual std::string_view file_extension() const = 0;  // of what save() writes: ".xml"
  virtual const Graph& graph() const = 0;
  virtual std::vector<PortInfo> inputs() const = 0;
  virtual std::vector<PortInfo> outputs() const = 0;
  virtual bool stateful() const = 0;
  // Changes whenever topology, shapes or weights change. 16 hexadecimal digits.
  virtual std::string fingerprint() const = 0;
  // On processors that add pairs of products in int16: the runtime's kernels pair the last of an
  // odd number of input channels with the first of the next position (algorithms/weight_fit.h).
  virtual bool pairs_cross_positions() const { return false; }
  // What its runtime computes in integers.
  virtual Kernels kernels() const { return {}; }

  virtual std::unique_ptr<Executor> compile(const Program& program) const = 0;
  // Whether programs may have switches.
  virtual bool can_switch() const { return false; }
  // The model with the plan carried out. `metadata` is stored in the model under "eightbit".
  virtual std::shared_ptr<const BackendModel> apply(
      const Plan& plan, const std::map<std::string, std::string>& metadata) const = 0;
  // Writes all files or none; see Model::save.
  virtual void save(const std::filesystem::path& path, bool overwrite) const = 0;

  // Throws ModelError where the runtime can not compile the model.
  virtual std::unique_ptr<Runner> runner(FloatPrecision precision) const = 0;
  // The outputs of each sample, in f32.
  std::vector<std::vector<Tensor>> infer(const std::function<std::optional<Sample>()>& next) const;
  // One that times its layers, which costs a little time. Throws Unsupported where the runtime does
  // not tell.
  virtual std::unique_ptr<Runner> timing_runner(FloatPrecision precision) const = 0;
  // What was executed in f32, over a few runs.
  std::vector<LayerPrecision> executed_precisions(const Sample& sample) const;
  // Bytes of the stored constants, by element type.
  virtual std::map<std::string, int64_t> weight_bytes() const = 0;
  // For about `seconds`, after a warm-up: seconds of each inference, one at a time; and samples a
  // second with all streams busy.
  virtual std::vector<double> latencies(const Sample& sample, double seconds) const = 0;
  virtual double throughput(const Sample& sample, double seconds) const = 0;
};

// Reads a model file; see Model::read. Throws FileError, ModelError, Unsupported.
std::shared_ptr<const BackendModel> read(const std::filesystem::path& path,
                                         Engine engine = Engine::automatic);

}  // namespace eightbit::backends
