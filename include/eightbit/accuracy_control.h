// Quantization that keeps an accuracy: layers go back to float until a metric of the user's has
// lost no more than allowed.
//
// The float model is validated first, then the quantized one. Where it has lost too much, layers
// are ranked by how much of the noise at the outputs they cause, which takes two passes over a few
// samples; then a search over the ranking, with a validation a step, finds few groups of quantizers
// whose removal meets the goal, and puts those back that turn out not to have been needed. See
// docs/accuracy_control.md.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/error.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/run.h>
#include <eightbit/statistics.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eightbit {

// How a loss is measured: in points of the metric, float minus quantized, or as its share of the
// float model's metric.
enum class DropType { absolute, relative };
// What of a layer goes back to float: all of it, or its activations, with weights in 8 bits.
enum class RestoreMode { activations_and_weights, only_activations };
// What happens when the goal is not met: AccuracyNotReached, or the best model all the same.
// "raise" and "return" in Python and on the command line.
enum class OnFailure { raise, return_best };

// What a validation found. `per_item` (higher is better) or `outputs` (of each item, in order) tell
// which items suffered; layers are then ranked by these. Both may be empty.
struct Evaluation {
  double metric = 0;  // higher is better
  std::vector<double> per_item;
  std::vector<std::vector<Tensor>> outputs;
};
using ValidationFunction = std::function<Evaluation(const Model& model)>;

// Validations that run at the same time, elsewhere.
struct ValidationWorkers {
  int count = 0;  // models at a time; below 2: none
  // What a ValidationFunction gives for each of these models, in order; `outputs` are not read.
  std::function<std::vector<Evaluation>(const std::vector<Model>& models)> validate;
};

// The goal, and how long is searched for it.
struct AccuracyControlOptions {
  double max_drop = 0.01;  // the most that the metric may lose
  DropType drop_type = DropType::absolute;
  // validations of models with layers in float; unset: as many as it takes
  std::optional<int64_t> max_num_iterations;
  // for the whole call; 0: no limit. No validation begins that would not end in time
  double max_minutes = 0;
  int64_t ranking_subset_size = 32;  // samples that layers are ranked on
  RestoreMode restore_mode = RestoreMode::activations_and_weights;
  OnFailure on_failure = OnFailure::raise;
  // before layers go back to float: other options, see tune() in quantize.h
  bool tune_hyperparams = false;
  // Where the best model so far is kept, with a report beside it (.json), so that a run that is
  // stopped loses nothing. A file that is there is overwritten. Empty: a file of its own among the
  // temporary ones, removed unless the run is stopped.
  std::filesystem::path best_model;
  // While layers go back to float, models that the search may want next are validated beside the
  // one that it wants: it goes the same way, and waits less. What nobody asked for does not count
  // as a trial.
  ValidationWorkers workers;
};

// Quantizers that can only be taken out together, and the layers that compute in float then.
struct GroupReport {
  std::vector<std::string> layers;
  int64_t quantizers = 0;
  double share = 0;  // of the noise at the outputs, as estimated; 0 where layers were not ranked
};

// A model that was validated on the way.
struct TrialReport {
  std::string what;  // "all quantized", "12 of 40 groups in float", "biases corrected again"
  double metric = 0, drop = 0;
  int64_t quantizers = 0;  // that are left
  double seconds = 0;      // of writing and validating this model
};

// What came out. Metrics are as the validation function gave them, on all of its data.
struct AccuracyResult {
  Model model;  // the best one
  bool reached = false;
  // drop as `drop_type` has it; negative: better than float
  double float_metric = 0, metric = 0, drop = 0;
  double max_drop = 0;
  DropType drop_type = DropType::absolute;
  int64_t quantizers = 0, all_quantizers = 0;  // in the model, and before anything was taken out
  std::vector<GroupReport> reverted;           // in float in the model
  std::vector<GroupReport> suspects;           // still quantized, most suspicious first
  std::vector<TrialReport> trials;             // in the order in which they were tried
  // "goal", "every group tried", "max_num_iterations", "max_minutes"
  std::string stopped_by;
  std::vector<std::string> notes;
  double seconds = 0;

  std::string to_json() const;  // without the model
  std::string failure() const;  // why the goal was not met, and what to do
};

// The goal was not met. Carries what was found.
class AccuracyNotReached : public Error {
 public:
  AccuracyNotReached(const std::string& text, AccuracyResult result)
      : Error(text), result_(std::make_shared<AccuracyResult>(std::move(result))) {}
  const AccuracyResult& result() const { return *result_; }

 private:
  std::shared_ptr<const AccuracyResult> result_;
};

// `validation_data`: the samples that `validate` judges, in its order: layers are ranked on those
// that suffered most, where the evaluations tell them. May be invalid: samples of the calibration
// then. Throws what quantize() throws; InvalidArgument for a metric that is not a number or options
// out of range; AccuracyNotReached; Interrupted, with the best model so far in its file. An
// exception of `validate` passes through.
AccuracyResult quantize_with_accuracy_control(const Model& model, const Dataset& calibration_data,
                                              const Dataset& validation_data,
                                              const ValidationFunction& validate,
                                              const QuantizeOptions& options = {},
                                              const AccuracyControlOptions& control = {},
                                              const RunOptions& run = {});

// The same from saved statistics in the place of calibration data.
AccuracyResult quantize_with_accuracy_control(const Model& model, const Statistics& statistics,
                                              const Dataset& validation_data,
                                              const ValidationFunction& validate,
                                              const QuantizeOptions& options = {},
                                              const AccuracyControlOptions& control = {},
                                              const RunOptions& run = {});

// Metrics for data from files.
//   top1, top5:  share of samples whose label is (among) the best class(es) of output 0, along its
//                last axis
//   mse:         minus the mean squared difference of all outputs from the float model's
//   cosine:      mean over samples of the cosine between all outputs and the float model's
//   exact_text:  share of samples whose text is read exactly: greedy CTC over output 0 [time,
//                class]: the best class of each step, repeats once, class 0 not at all. Spaces do
//                not count.
enum class Metric { top1, top5, mse, cosine, exact_text };

// What samples are judged by. Labels stand in the order of the samples.
struct MetricOptions {
  Metric metric = Metric::top1;
  // A .npy, or a .npz and the name of an array in it: integers (top1, top5) or texts (exact_text),
  // one a sample. Empty: what the float model says is right.
  std::filesystem::path labels;
  std::string labels_array = "labels";
  std::filesystem::path alphabet;  // exact_text with labels: a line for each class, from class 1 on
  int64_t subset_size = 0;         // samples; 0: all
};

// True where a .npz has an array of this name, and for any other file.
bool has_labels(const std::filesystem::path& path, const std::string& array);

// Runs models on `data`, which is opened once for each of them. The first model that is validated
// is taken for the float model.
ValidationFunction validation_on(const Dataset& data, const MetricOptions& options);

// Saves models to a temporary file, runs `command` in the shell with the file's path as its last
// argument, and takes the number in the last line that it prints for the metric. Throws
// InvalidArgument when it fails or prints no number.
ValidationFunction validation_by_command(const std::string& command);

std::string_view to_string(DropType);
std::string_view to_string(RestoreMode);
std::string_view to_string(OnFailure);
std::string_view to_string(Metric);  // "exact-text"

}  // namespace eightbit
