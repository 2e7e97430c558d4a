// A trained model in, a model that runs in 8 bits out.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/recipe.h>
#include <eightbit/run.h>
#include <eightbit/statistics.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eightbit {

// Measures the dataset in one pass, decides where quantizers go and with what ranges, corrects
// weights and biases, and runs the result beside the float model. The dataset is opened once; a few
// dozen of its samples are kept on disk for the corrections. What was decided, and warnings, are in
// `run.report`. The float model stays as it is.
// Throws InvalidArgument (options), DataError (samples), ModelError, Unsupported, Interrupted, and
// AccuracyNotReached with `options.strict`.
Model quantize(const Model& model, const Dataset& dataset, const QuantizeOptions& options = {},
               const RunOptions& run = {});

// The same from saved statistics, without data. Throws InvalidArgument when the statistics belong
// to another model or lack what the options need.
Model quantize(const Model& model, const Statistics& statistics,
               const QuantizeOptions& options = {}, const RunOptions& run = {});

// The same model again, from what an earlier run decided (Report::recipe, or the file beside its
// model): without data, and byte for byte with the same version of eightbit. Throws InvalidArgument
// when the recipe belongs to another model.
Model quantize(const Model& model, const QuantizationRecipe& recipe, const RunOptions& run = {});

// What a choice of options would give, with all options that were chosen before it.
struct TuneTrial {
  std::string what;    // "preset=mixed"
  double sqnr_db = 0;  // of the outputs, averaged, on samples that no correction has seen
  double seconds = 0;
};

// The model with the chosen options, and all that was tried for it, in order.
struct TuneResult {
  Model model;
  QuantizeOptions options;  // those of the model
  std::vector<TuneTrial> trials;
};

// Like quantize(), with the options chosen that leave the outputs nearest to the float model's:
// SmoothQuant's alpha, preset, range estimators, channel alignment, rounding of weights and bias
// correction, one after the other, unless `options` says something about them. One pass over the
// data; a trial costs about as much as quantizing from statistics. Needs at least two samples.
// Throws what quantize() throws.
TuneResult tune(const Model& model, const Dataset& dataset, const QuantizeOptions& options = {},
                const RunOptions& run = {});
// The same from saved statistics, without data.
TuneResult tune(const Model& model, const Statistics& statistics,
                const QuantizeOptions& options = {}, const RunOptions& run = {});

// Works out a task of RunOptions::spread in this process, with the same model. What belongs to a
// context is made once and kept until another one comes. `threads`: 0: all cores. Throws
// InvalidArgument for texts of another version.
std::string work_out(const Model& model, const std::string& context, const std::string& task,
                     int threads = 0);

// A quantizer and an op that reads it, which `runtime` ("onnxruntime", "openvino", "tensorrt")
// computes in floats: the quantizer rounds there and saves no time.
struct UnfusedPair {
  std::string quantizer;  // name of the value
  std::string node, type;
  std::string runtime, reason;
};

// Input `port` of `node`.
struct PlannedUse {
  int32_t node = -1, port = 0;
  std::string name;  // of the node
};

// A quantizer without its range. Nodes and values are numbered as in the graph of the model; for
// external models (external.h) as in their description.
struct PlannedQuantizer {
  int32_t value = -1;
  std::string name;  // of the value
  std::vector<PlannedUse> uses;
  bool weight = false;  // the value is a constant
  int bits = 8;
  bool symmetric = true;
  bool narrow_range = false;
  std::optional<bool> is_signed;      // symmetric: unset: decided by the data
  std::vector<int64_t> channel_axes;  // of the value; empty: one range
  int group = -1;                     // members of a group share one range; -1: none
};

// What quantize() would do, without data: where quantizers go and of what kind, what the ignored
// scope matched, why the rest stays in floating point.
// `text` has a line for each quantizer, with what it reads and its form, then the notes; `json` the
// same for programs.
struct PlanPreview {
  std::string text;
  std::string json;
  std::vector<PlannedQuantizer> quantizers;
  std::vector<UnfusedPair> unfused;  // for every runtime that could read the file
  int64_t activation_quantizers = 0;
  int64_t weight_quantizers = 0;
  Expectation expected;
};
// Throws InvalidArgument for options that contradict each other and for rules of the ignored scope
// that match nothing, as quantize() would.
PlanPreview plan(const Model& model, const QuantizeOptions& options = {});
// The same, with expected.seconds: measures the first 17 samples of the data, which takes as long
// as that does. Throws what quantize() does for data; fewer samples leave the time at 0.
PlanPreview plan(const Model& model, const Dataset& dataset, const QuantizeOptions& options = {},
                 const RunOptions& run = {});

}  // namespace eightbit
