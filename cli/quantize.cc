#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "accuracy_flags.h"
#include "console.h"
#include "data_flags.h"
#include "interrupt.h"
#include "option_flags.h"
#include "output_file.h"
#include "ranks.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Quantize {
  std::string model, statistics, checkpoint;
  DataFlags data;
  OptionFlags options;
  AccuracyFlags accuracy;
  OutputFlags output;
  RankFlags ranks;
  CommonFlags common;
};

bool is_onnx(const std::filesystem::path& path) { return path.extension() == ".onnx"; }

void check_recipe_alone(const Quantize& verb) {
  const char* given = verb.data.given()          ? "--data"
                      : !verb.statistics.empty() ? "--statistics"
                      : !verb.checkpoint.empty() ? "--checkpoint"
                                                 : nullptr;
  if (verb.accuracy.tunes())
    throw InvalidArgument(
        "[quantize] --tune-hyperparams has no effect with a recipe file: its options are its own");
  if (given)
    throw InvalidArgument(fmt::format(
        "[quantize] {} has no effect with a recipe file: nothing is measured. Leave one out",
        given));
  verb.data.refuse_details("with a recipe file");
}

// What decides by the outputs of a trial run, where a metric of the user's decides.
void check_trial_alone(const Quantize& verb) {
  if (!verb.accuracy.given() && !verb.accuracy.tunes()) return;
  const char* with = verb.accuracy.given() ? "--max-drop" : "--tune-hyperparams";
  for (const char* name : {"trial_run", "min_sqnr_db", "max_float_share", "strict", "placement"})
    if (verb.options.given(fmt::format("/{}", name))) {
      std::string flag = name;
      std::ranges::replace(flag, '_', '-');
      throw InvalidArgument(fmt::format(
          "[quantize] --{} has no effect with {}, which judges models by itself. Leave one out",
          flag, with));
    }
}

void check_source(const Quantize& verb) {
  check_trial_alone(verb);
  if (!verb.options.recipe_file().empty()) return check_recipe_alone(verb);
  if (verb.data.given() == !verb.statistics.empty())
    throw InvalidArgument(verb.data.given()
                              ? "[quantize] --data and --statistics are both given. Leave one out"
                              : "[quantize] --data is missing. Name the calibration samples, or "
                                "--statistics of an earlier "
                                "'eightbit calibrate'");
  if (!verb.accuracy.given()) verb.accuracy.refuse_without_goal();
  if (verb.accuracy.given() && !verb.statistics.empty())
    throw InvalidArgument(
        "[quantize] --max-drop does not go with --statistics: layers are ranked on samples. Give "
        "--data");
  if (verb.accuracy.tunes() && !verb.statistics.empty())
    throw InvalidArgument(
        "[quantize] --tune-hyperparams goes with --data alone: it measures what all its trials "
        "need. Leave --statistics out");
  if (verb.statistics.empty()) return;
  verb.data.refuse_details("with --statistics");
  if (verb.options.given("/subset_size"))
    throw InvalidArgument(
        "[quantize] --subset-size has no effect with --statistics: its samples are already "
        "measured. Leave it out");
}

// What a run ends with.
struct Outcome {
  Report report;
  std::optional<AccuracyResult> accuracy;
  uint64_t before = 0, after = 0;  // bytes
  std::string path;
};

void add_accuracy(std::vector<std::vector<std::string>>& rows, const AccuracyResult& accuracy) {
  rows.push_back(
      {"metric", fmt::format("{:.6g} -> {:.6g}", accuracy.float_metric, accuracy.metric)});
  rows.push_back({"drop", fmt::format("{:.4g}, {:.4g} allowed", accuracy.drop, accuracy.max_drop)});
  rows.push_back(
      {"quantizers kept", fmt::format("{} of {}", accuracy.quantizers, accuracy.all_quantizers)});
  rows.push_back({"models validated", std::to_string(accuracy.trials.size() + 1)});
}

std::string summary(const Outcome& outcome) {
  const Report& report = outcome.report;
  std::vector<std::vector<std::string>> rows = {
      {"quantizers", fmt::format("{} activations, {} weights", report.activation_quantizers,
                                 report.weight_quantizers)},
      {"samples", std::to_string(report.samples)},
  };
  if (report.corrected_biases)
    rows.push_back({"corrected biases", std::to_string(report.corrected_biases)});
  if (outcome.accuracy) add_accuracy(rows, *outcome.accuracy);
  for (const StepTime& step : report.steps)
    rows.push_back({step.step, fmt::format("{:.2f} s", step.seconds)});
  rows.push_back({"total", fmt::format("{:.2f} s", report.seconds)});
  rows.push_back(
      {"size", fmt::format("{} -> {}", megabytes(outcome.before), megabytes(outcome.after))});
  std::string text = table(rows);
  if (report.trial) text += fmt::format("Trial run: {}\n", report.trial->summary());
  text += notes_text(report.notes);
  return text + fmt::format("Saved to {}, its recipe to {}\n", outcome.path,
                            recipe_path(outcome.path).string());
}

std::string as_json(const Outcome& outcome) {
  nlohmann::ordered_json json = {
      {"output", outcome.path},
      {"recipe", recipe_path(outcome.path).string()},
      {"bytes_before", outcome.before},
      {"bytes_after", outcome.after},
      {"report", nlohmann::ordered_json::parse(outcome.report.to_json())}};
  if (outcome.accuracy)
    json["accuracy"] = nlohmann::ordered_json::parse(outcome.accuracy->to_json());
  return json.dump(2);
}

// The library keeps the best model at the target, so that a run that ends early leaves it there;
// not where a model that misses its floor is no result.
RunOptions keeping_best_at(const std::filesystem::path& target, const QuantizeOptions& options,
                           RunOptions run) {
  if (options.trial_run && !options.strict) run.best_model = target;
  return run;
}

Model quantized_from(const Quantize& verb, const Model& model, const Statistics& statistics,
                     const std::filesystem::path& target, const RunOptions& run) {
  const QuantizeOptions options = verb.options.read();
  return quantize(model, statistics, options, keeping_best_at(target, options, run));
}

Model quantized_by(const Quantize& verb, const Model& model, const std::filesystem::path& target,
                   const RunOptions& how) {
  if (const std::string recipe = verb.options.recipe_file(); !recipe.empty())
    return quantize(model, QuantizationRecipe::load(recipe), how);
  const QuantizeOptions options = verb.options.read();
  const RunOptions run = keeping_best_at(target, options, how);
  if (verb.accuracy.tunes()) return tune(model, verb.data.open(model), options, run).model;
  if (verb.data.given()) return quantize(model, verb.data.open(model), options, run);
  return quantize(model, Statistics::load(verb.statistics), options, run);
}

// The library keeps the best model at the target, so that a run that ends early leaves it there.
AccuracyResult quantize_with_goal(const Quantize& verb, const Model& model,
                                  const std::filesystem::path& target, const RunOptions& run) {
  OutputFlags report = verb.output;
  report.path = std::filesystem::path(target).replace_extension(".json").string();
  report.check("", {verb.model});
  AccuracyControlOptions control = verb.accuracy.options();
  control.best_model = target;
  const Dataset validation_data = verb.accuracy.validation_data(model, verb.data);
  const ValidationFunction validate = verb.accuracy.validation(validation_data);
  try {
    return quantize_with_accuracy_control(model, verb.data.open(model), validation_data, validate,
                                          verb.options.read(), control, run);
  } catch (const AccuracyNotReached& e) {
    throw AccuracyNotReached(fmt::format("{} The best model is '{}'", e.what(), verb.output.path),
                             e.result());
  }
}

void check_ranks(const Quantize& verb, const Rank& rank) {
  const char* given = verb.accuracy.given()                 ? "--max-drop"
                      : verb.accuracy.tunes()               ? "--tune-hyperparams"
                      : !verb.statistics.empty()            ? "--statistics"
                      : !verb.checkpoint.empty()            ? "--checkpoint"
                      : !verb.options.recipe_file().empty() ? "a recipe file"
                                                            : nullptr;
  if (given)
    throw InvalidArgument(fmt::format(
        "[quantize] {} goes with one process, and {} started {}. Pass --alone to one of them",
        given, rank.launcher, rank.count));
  if (verb.options.read().recipe == Recipe::nncf)
    throw InvalidArgument(
        "[quantize] recipe nncf counts batches, which ranks cannot share. Pass --alone to one");
}

CalibrateOptions measured_for(const QuantizeOptions& options, const Shard& shard) {
  return {options.subset_size, shard, kInputsForAnyOptions, options.model_type,
          options.advanced_parameters.activations_range_estimator_params};
}

// What all processes of a launcher measure; nothing valid on those whose work is done then.
Statistics measured(const Quantize& verb, const Rank& rank, const Model& model,
                    const std::filesystem::path& target, const RunOptions& run) {
  return measured_by_ranks(rank, verb.ranks, target, fingerprint_of(model),
                           verb.options.text() + verb.data.text(),
                           [&](const Shard& shard, const std::filesystem::path& checkpoint) {
                             RunOptions share = run;
                             share.checkpoint = checkpoint;
                             share.report = nullptr;
                             return calibrate(model, verb.data.open(model),
                                              measured_for(verb.options.read(), shard), share);
                           });
}

void run(const Quantize& verb) {
  Console console(verb.common);
  check_source(verb);
  const Rank rank = verb.ranks.rank();
  if (rank.count > 1) check_ranks(verb, rank);
  // mistakes show before the model is read
  if (verb.options.recipe_file().empty()) verb.options.read();
  const Engine engine = verb.common.engine_for({verb.model, verb.output.path});
  const auto recipe = recipe_path(verb.output.path);
  const auto target = verb.output.check(
      is_onnx(verb.model) && engine != Engine::openvino ? ".onnx" : ".xml", {verb.model}, recipe);
  const Model model = Model::read(verb.model, engine);
  Outcome outcome;
  RunOptions run = console.run_options();
  run.report = &outcome.report;
  run.checkpoint = verb.checkpoint;
  run.max_memory = verb.options.max_memory();
  Statistics together;
  if (rank.count > 1) {
    together = measured(verb, rank, model, target, run);
    if (!together.valid()) return;
  }
  with_checkpoint(run.checkpoint, [&] {
    if (together.valid())
      quantized_from(verb, model, together, target, run).save(target, true);
    else if (verb.accuracy.given())
      outcome.accuracy = quantize_with_goal(verb, model, target, run);
    else
      quantized_by(verb, model, target, run).save(target, true);
    outcome.report.recipe.save(recipe, verb.output.force);
  });
  if (together.valid()) remove_shares(target);
  outcome.before = model_bytes(verb.model);
  outcome.after = model_bytes(target);
  outcome.path = verb.output.path;
  console.print(summary(outcome));
  console.print_json(as_json(outcome));
}

}  // namespace

void add_quantize(CLI::App& app) {
  auto verb = std::make_shared<Quantize>();
  CLI::App* flags = app.add_subcommand(
      "quantize", "Quantize a model with calibration samples or saved statistics");
  flags->add_option("MODEL", verb->model, kModelHelp)->required();
  verb->output.add_to(*flags,
                      "Quantized model: .onnx for an ONNX model, else IR (.xml), also for an ONNX "
                      "model with --engine openvino");
  flags->add_option("--statistics", verb->statistics,
                    "Statistics of 'eightbit calibrate', in the place of --data");
  flags->add_option("--checkpoint", verb->checkpoint,
                    "Where the work so far is kept, with FILE.steps beside it; a run that was "
                    "stopped or killed goes on from it");
  verb->data.add_to(*flags);
  verb->options.add_to(*flags);
  verb->options.add_max_memory_to(*flags);
  verb->accuracy.add_to(*flags);
  verb->ranks.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
