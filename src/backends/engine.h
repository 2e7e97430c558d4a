// What runs networks: to measure them, and as their users run them. A backend has one of its own.
#pragma once

#include <eightbit/dataset.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/measurement.h"
#include "records/histogram.h"

namespace eightbit::backends {

class Network;

// Called in sample order, from the thread that called run().
using RecordCallback = std::function<void(int64_t sample, std::span<const float> record)>;
// The same, of the outputs of a sample.
using OutputCallback = std::function<void(std::vector<Tensor> outputs)>;

// A measurement, compiled.
class Executor {
 public:
  virtual ~Executor() = default;
  // Pulls samples until next() returns nothing and hands out one record for each *sample* (each
  // item of a batch). `next` runs on the calling thread while earlier samples are being inferred.
  // An exception from `next` or `record` ends the run once samples in flight have been recorded,
  // and is passed on.
  virtual void run(const std::function<std::optional<Sample>()>& next,
                   const RecordCallback& record) = 0;
  // Throws the DataError that run() would throw for sample `number`, before it is run.
  virtual void check(const Sample& sample, int64_t number) const = 0;
  // Where outputs are wanted (Taps with outputs, LayerErrors, LayerShapes): those of one sample, in
  // order, and its records. Throws what run() does; nothing is measured then. LayerErrors, which
  // are as large as all activations, outlive the executor, but the next run may write over them.
  virtual std::vector<Tensor> run_one(const Sample& sample, const RecordCallback& record) = 0;
  // Like run(), of an ErrorInjection. Only of engines that can_inject().
  virtual void run_outputs(const std::function<std::optional<Sample>()>& next,
                           const OutputCallback& take) = 0;
  // Counts over all samples run so far: for each tap, histogram_count() histograms.
  virtual std::vector<std::vector<Histogram>> histograms() const = 0;
};

struct LayerPrecision {  // what a runtime really executed
  std::string name, type, precision;
  double milliseconds = 0;
  // of the network that became this layer, as far as the runtime tells
  std::vector<std::string> nodes;
};

// What a runtime computes floats in: what it chooses by itself (bf16, where the processor has it),
// or f32.
enum class FloatPrecision { by_default, f32 };

// A network compiled as its users compile it: with no setting of ours but the precision of floats.
class Runner {
 public:
  virtual ~Runner() = default;
  // The outputs in order; states are reset first unless the sample says otherwise. Throws DataError
  // naming the sample by its place in the order of the runs.
  virtual std::vector<Tensor> run(const Sample& sample) = 0;
  // Runs the sample of the last run() again, and nothing around it: what a benchmark times.
  virtual void again() = 0;
  // The type that floats are computed in: "f32", "bf16", "f16".
  virtual std::string precision() const { return "f32"; }
  // Of a timing_runner(), once: what was executed, in order, with the least milliseconds of each
  // layer over all runs.
  virtual std::vector<LayerPrecision> layers() { return {}; }
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Throws Unsupported for a network of another engine and for what the engine does not measure.
  // The network must outlive the executor, and so must what the measurement points at.
  virtual std::unique_ptr<Executor> compile(const Network& network, Measurement measurement,
                                            const RunSettings& settings) const = 0;
  // Whether it measures LayerErrors, LayerShapes and ErrorInjections.
  virtual bool can_inject() const { return false; }

  // Throws ModelError where the runtime cannot compile the network.
  virtual std::unique_ptr<Runner> runner(const Network& network,
                                         FloatPrecision precision) const = 0;
  // One that times its layers, which costs a little time. Throws Unsupported where the runtime does
  // not tell.
  virtual std::unique_ptr<Runner> timing_runner(const Network& network,
                                                FloatPrecision precision) const = 0;
  // As many, in f32, as keep all cores busy, each on a thread of its own.
  virtual std::vector<std::unique_ptr<Runner>> parallel_runners(const Network& network) const = 0;
};

}  // namespace eightbit::backends
