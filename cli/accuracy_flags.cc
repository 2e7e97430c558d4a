#include "accuracy_flags.h"

#include <eightbit/error.h>
#include <fmt/format.h>

#include <algorithm>

namespace eightbit::cli {
namespace {

constexpr std::string_view kCommand = "command:";

template <typename Enum>
void read(Enum& value, const std::string& text) {
  if (!text.empty()) value = parse<Enum>(text);
}

}  // namespace

void AccuracyFlags::add_to(CLI::App& verb) {
  const char* group = "Accuracy control";
  max_drop_ =
      verb.add_option("--max-drop", control_.max_drop,
                      "Put layers back to float until the metric has lost no more than this")
          ->group(group);
  const auto add = [&](const char* flag, auto& value, const char* help) {
    others_.push_back(verb.add_option(flag, value, help)->group(group));
  };
  verb.add_flag("--tune-hyperparams", control_.tune_hyperparams,
                "Try other options on the samples, and take those with the least error at the "
                "outputs; with --max-drop: "
                "before layers go back to float")
      ->group(group);
  add("--metric", metric_,
      "top1, top5, mse, cosine, exact-text, or command:PROGRAM, which is run with a model's path "
      "and prints its "
      "metric");
  add("--validation-data", source_,
      "Samples to validate on, as --data; a .npz with an array of labels is used with them");
  add("--labels", labels_,
      ".npy, .npz or .txt: classes (top1, top5) or texts (exact-text); default: what the float "
      "model says");
  add("--labels-array", labels_array_, "Name of the labels in a .npz; default labels");
  add("--alphabet", alphabet_, "exact-text: a file with a line for each class, from class 1 on");
  add("--drop-type", drop_type_, "absolute (default) or relative, to the float model's metric");
  add("--restore-mode", restore_mode_, "activations_and_weights (default) or only_activations");
  add("--max-minutes", control_.max_minutes, "Time limit; default: none");
  add("--max-num-iterations", control_.max_num_iterations,
      "Models with layers in float to validate at most");
  add("--ranking-subset-size", control_.ranking_subset_size,
      "Samples to rank layers on; default 32");
  add("--on-failure", on_failure_,
      "raise (default): status 2 where the goal is not met; return: 0. The best model is written "
      "in both");
}

void AccuracyFlags::refuse_without_goal() const {
  for (const CLI::Option* option : others_)
    if (option->count() > 0)
      throw InvalidArgument(fmt::format(
          "[quantize] {} has no effect without --max-drop. Leave it out, or say what may be lost",
          option->get_name()));
}

AccuracyControlOptions AccuracyFlags::options() const {
  AccuracyControlOptions control = control_;
  read(control.drop_type, drop_type_);
  read(control.restore_mode, restore_mode_);
  read(control.on_failure, on_failure_);
  return control;
}

MetricOptions AccuracyFlags::metric_options() const {
  MetricOptions options;
  read(options.metric, metric_);
  options.labels_array = labels_array_;
  options.alphabet = alphabet_;
  options.labels = labels_;
  const bool takes_labels = options.metric != Metric::mse && options.metric != Metric::cosine;
  if (labels_.empty() && takes_labels && source_.ends_with(".npz") &&
      has_labels(source_, labels_array_))
    options.labels = source_;
  return options;
}

Dataset AccuracyFlags::validation_data(const Model& model, const DataFlags& data) const {
  if (!source_.empty()) return data.open(model, source_);
  if (metric_.starts_with(kCommand)) return {};
  throw InvalidArgument(
      "[quantize] --validation-data is missing. Name the samples that --metric is measured on");
}

ValidationFunction AccuracyFlags::validation(const Dataset& validation_data) const {
  if (metric_.empty())
    throw InvalidArgument(
        "[quantize] --metric is missing. Allowed: top1, top5, mse, cosine, exact-text, "
        "command:PROGRAM");
  if (metric_.starts_with(kCommand)) {
    const std::string command = metric_.substr(kCommand.size());
    if (command.empty())
      throw InvalidArgument("[quantize] --metric command: names no program. Write command:PROGRAM");
    if (!labels_.empty() || !alphabet_.empty())
      throw InvalidArgument(
          "[quantize] --labels and --alphabet have no effect on a command. Leave them out");
    return validation_by_command(command);
  }
  return validation_on(validation_data, metric_options());
}

}  // namespace eightbit::cli
