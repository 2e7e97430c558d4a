// How far a quantized model is from its float model, layer by layer; what a model consists of; how
// fast it is.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/run.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace eightbit {

// A convolution or product is compared behind the constant that is added to it and the activation
// that follows, which runtimes compute with it.
struct LayerDifference {
  std::string name;
  std::string type;
  // 10 log10(sum reference^2 / sum (reference - quantized)^2); +inf when equal
  double sqnr_db = 0;
  double cosine = 0;
  // The same with this layer alone quantized, measured on some samples; empty for outputs, layers
  // in branches, and layers that read nothing quantized.
  std::optional<double> alone_db{};
  // Of an output, what the program says that measures the layers; `sqnr_db` is then what users of
  // the models get, which are run as they are. A difference is the runtime's, which compiles the
  // two differently.
  std::optional<double> measured_db{};
};

// Of outputs and layers, over all samples: sums run over all elements of all of them.
struct CompareResult {
  int64_t samples = 0;
  // In the model's order.
  std::vector<LayerDifference> outputs;
  // Layers with the same name in both models, worst first.
  std::vector<LayerDifference> layers;
  // Layers that gave nothing but zeros: in a branch that no sample took, or dead.
  std::vector<LayerDifference> unseen;
  std::string to_json() const;
};

// Runs both models on up to `subset_size` samples, in float arithmetic precision f32, as the
// runtime executes them. Throws InvalidArgument when inputs or outputs of the models do not match.
CompareResult compare(const Model& reference, const Model& quantized, const Dataset& dataset,
                      int64_t subset_size = 300, const RunOptions& run = {});

// A layer as the runtime executed it, which may hold several ops of the model.
struct LayerInfo {
  std::string name, type;
  std::string precision;    // that the runtime really executed, e.g. "i8", "u8", "f32"
  double milliseconds = 0;  // for one sample
};

// What a model consists of, and what of it ran in integers.
struct Inspection {
  // By type as the framework calls it, most frequent first; ops of bodies count too.
  std::vector<std::pair<std::string, int64_t>> op_counts;
  // FakeQuantize, FakeConvert and QuantizeLinear on activations.
  int64_t quantizers = 0;
  // Constants that are dequantized.
  int64_t quantized_weights = 0;
  // Bytes by stored element type, largest first.
  std::vector<std::pair<std::string, int64_t>> weight_bytes;
  // In the order in which they were executed.
  std::vector<LayerInfo> layers;
  // ops that read quantized values and ran in floats all the same
  std::vector<LayerInfo> unfused;
  std::string to_json() const;
};

// Runs the model on one sample, a few times, in f32, to see what is executed. `sample`: unset:
// zeros, with 1 for dimensions that are not known. Throws Unsupported where the runtime does not
// tell what it executes, ModelError where it cannot compile the model, DataError for a sample that
// does not fit.
Inspection inspect(const Model& model, const std::optional<Sample>& sample = std::nullopt);

// How long is measured. A model is warmed up before its times count.
struct BenchmarkOptions {
  double seconds = 5;  // for each model and measurement
  int rounds = 5;      // models take turns, round by round
};
// Of one model, compiled with no setting but f32.
struct BenchmarkRow {
  double latency_ms = 0;  // median, one sample at a time
  double latency_p90_ms = 0;
  double throughput = 0;  // samples a second, all streams busy; median over rounds
};
// Times of models that take turns, so that what else the machine does falls on all of them alike; a
// row for each, in order. `sample` as for inspect(). Latency is measured with all threads on one
// sample, throughput with as many samples at once as keep all cores busy. Throws InvalidArgument
// for options that are not positive.
std::vector<BenchmarkRow> benchmark(std::span<const Model> models,
                                    const std::optional<Sample>& sample = std::nullopt,
                                    const BenchmarkOptions& options = {},
                                    const RunOptions& run = {});

}  // namespace eightbit
