// `eightbit pot`: the command line of OpenVINO's Post-training Optimization Tool, with its flags,
// configuration files and folders of results.
#include <eightbit/eightbit.h>
#include <eightbit/pot.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "console.h"
#include "data_flags.h"
#include "document.h"
#include "pot_module.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

namespace fs = std::filesystem;

struct Pot {
  std::string config, quantize, preset, model, weights, name, engine, ac_config;
  std::vector<std::string> data_source;
  std::string output_dir = "./results", log_level = "INFO";
  std::optional<double> max_drop;
  bool evaluate = false, direct_dump = false, keep_weights = false, bar = false, stream = false;
};

[[noreturn]] void wrong(const std::string& text) { throw InvalidArgument("[pot] " + text); }

void check_flags(const Pot& verb) {
  if (verb.config.empty() == verb.quantize.empty())
    wrong(verb.config.empty() ? "neither --config nor --quantize is given. Give one of them"
                              : "--config and --quantize are both given. Leave one out");
  if (!verb.config.empty()) {
    for (const auto& [flag, value] : {std::pair{"--model", verb.model},
                                      {"--weights", verb.weights},
                                      {"--name", verb.name},
                                      {"--preset", verb.preset},
                                      {"--ac-config", verb.ac_config}})
      if (!value.empty())
        wrong(fmt::format("{} has no effect with --config, which says it. Leave it out", flag));
    if (verb.max_drop) wrong("--max-drop has no effect with --config, which says it. Leave it out");
    return;
  }
  if (verb.model.empty() || verb.weights.empty())
    wrong("--quantize needs --model and --weights. Give the .xml and the .bin");
  if (verb.engine == "simplified" && verb.data_source.empty())
    wrong("--engine simplified needs --data-source: a folder, a list or a glob of pictures");
  if (verb.engine != "simplified" && verb.ac_config.empty())
    wrong("--quantize needs --ac-config, or --engine simplified with --data-source");
  if (verb.quantize == "accuracy_aware" && !verb.max_drop)
    wrong("--quantize accuracy_aware needs --max-drop");
}

// What POT's templates say where no file does.
std::string template_of(const Pot& verb) {
  const bool aware = verb.quantize == "accuracy_aware";
  nlohmann::ordered_json params = {{"preset", verb.preset.empty() ? "performance" : verb.preset},
                                   {"stat_subset_size", 300}};
  if (aware) params["maximal_drop"] = *verb.max_drop;
  nlohmann::ordered_json engine;
  if (verb.engine == "simplified")
    engine = {{"type", "simplified"}, {"data_source", verb.data_source.front()}};
  else
    engine = {{"config", verb.ac_config}};
  return nlohmann::ordered_json{
      {"model",
       {{"model_name", verb.name.empty() ? fs::path(verb.model).stem().string() : verb.name},
        {"model", verb.model},
        {"weights", verb.weights}}},
      {"engine", engine},
      {"compression",
       {{"target_device", "ANY"},
        {"algorithms",
         {{{"name", aware ? "AccuracyAwareQuantization" : "DefaultQuantization"},
           {"params", params}}}}}}}
      .dump();
}

pot::Overrides overrides_of(const Pot& verb) {
  pot::Overrides overrides;
  overrides.data_source = verb.data_source;
  if (!verb.engine.empty())
    overrides.engine = verb.engine == "simplified" ? pot::EngineType::simplified
                                                   : pot::EngineType::accuracy_checker;
  return overrides;
}

// What a run is configured by: a file or a template, and what it names of Accuracy Checker.
class Files {
 public:
  explicit Files(const Pot& verb) {
    if (!verb.config.empty()) file_.emplace(verb.config);
    json_ = file_ ? file_->json() : template_of(verb);
  }

  const std::string& json() const { return json_; }

  pot::Configuration read(const pot::Overrides& overrides) {
    return with_places([&] {
      const fs::path path = overrides.engine == pot::EngineType::simplified
                                ? fs::path()
                                : pot::accuracy_checker_file(json_);
      if (!path.empty()) checker_.emplace(path);
      return pot::read_configuration(json_, overrides, checker_ ? checker_->json() : "",
                                     path.parent_path());
    });
  }

  // Errors are told with where in which file they stand.
  template <typename Do>
  std::invoke_result_t<const Do&> with_places(const Do& work) const {
    try {
      return work();
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(placed(error));
    } catch (const Unsupported& error) {
      throw Unsupported(placed(error));
    } catch (const FileError& error) {
      throw FileError(placed(error));
    }
  }

 private:
  std::string placed(const Error& error) const {
    std::string text = error.what();
    for (const auto* document : {&file_, &checker_})
      if (*document)
        if (const std::string place = (*document)->place(text); !place.empty()) return text + place;
    return text;
  }

  std::optional<Document> file_, checker_;
  std::string json_;
};

// Where this run's results go.
fs::path result_path(const Pot& verb, const pot::Configuration& config) {
  if (verb.direct_dump) return verb.output_dir;
  const std::time_t now = std::time(nullptr);
  const std::string prefix = config.model_name.empty() ? "" : config.model_name + "_";
  return fs::path(verb.output_dir) / (prefix + config.algorithms.name) /
         fmt::format("{:%Y-%m-%d_%H-%M-%S}", fmt::localtime(now));
}

// The same, made.
fs::path result_folder(const Pot& verb, const pot::Configuration& config) {
  const fs::path folder = result_path(verb, config);
  std::error_code error;
  fs::create_directories(folder / "optimized", error);
  if (error)
    throw FileError(
        fmt::format("[pot] the folder '{}' cannot be made: {}", folder.string(), error.message()));
  return folder;
}

// Which data calibrate: the first ones, or with shuffle_data any.
Dataset calibration_of(const pot::Pictures& pictures, const pot::Algorithms& algorithms,
                       const Model& model) {
  return pot::subset_of(pot::open_pictures(pictures, model), algorithms.stat_subset_size,
                        algorithms.shuffle_data, algorithms.seed);
}

class Job {
 public:
  Job(const Pot& verb, Console& console)
      : verb_(verb), console_(console), files_(verb), config_(files_.read(overrides_of(verb))) {
    if (!config_.module) check_metrics();
  }

  void run() {
    if (config_.module) return run_module();
    if (!config_.cascade.empty()) return run_cascade();
    // what cannot be read leaves no folder behind
    const Model model = Model::read(config_.model);
    const Dataset data = calibration_of(config_.calibration, config_.algorithms, model);
    const fs::path folder = result_folder(verb_, config_);
    console_.log_to(folder / "log.txt");
    const Model result = config_.algorithms.skip_model ? model : quantized(model, data, folder);
    const fs::path target = folder / "optimized" / (config_.model_name + ".xml");
    result.save(target, true);
    console_.print(summary(config_.algorithms, target));
    if (verb_.evaluate) evaluate(result, folder);
  }

 private:
  void run_module() const {
    const ModuleRun run{result_path(verb_, config_), verb_.log_level, verb_.evaluate,
                        verb_.keep_weights};
    files_.with_places([&] { cli::run_module(config_, files_.json(), run, console_); });
  }

  // Each part for its own data, as they come to it.
  void run_cascade() {
    std::vector<std::pair<Model, Dataset>> parts;
    for (const pot::Part& part : config_.cascade) {
      const Model model = Model::read(part.model);
      parts.emplace_back(model, calibration_of(part.calibration, part.algorithms, model));
    }
    const fs::path folder = result_folder(verb_, config_);
    console_.log_to(folder / "log.txt");
    for (size_t i = 0; i < parts.size(); ++i) {
      const pot::Part& part = config_.cascade[i];
      const auto& [model, data] = parts[i];
      const Model result =
          part.algorithms.skip_model ? model : without_control(model, data, part.algorithms);
      const std::string prefix = config_.model_name.empty() ? "" : config_.model_name + "_";
      const fs::path target = folder / "optimized" / (prefix + part.name + ".xml");
      result.save(target, true);
      console_.print(fmt::format("{}\n{}", part.name, summary(part.algorithms, target)));
    }
  }

  void check_metrics() const {
    const bool aware = config_.algorithms.control.has_value();
    if (!aware && !verb_.evaluate) return;
    if (!config_.cascade.empty())
      throw Unsupported(
          "[pot] --evaluate of a cascade needs an engine that runs its parts. Name a module of "
          "yours "
          "in the engine, which makes one derived from eightbit.pot.IEEngine (docs/pot.md)");
    const std::string what = aware ? "AccuracyAwareQuantization" : "--evaluate";
    if (config_.engine == pot::EngineType::simplified)
      throw Unsupported(fmt::format(
          "[pot] {} needs a metric, which the simplified engine has none of. Use an Accuracy "
          "Checker file with annotations, or eightbit.pot in Python with a Metric",
          what));
    if (config_.top_k.empty() && !config_.unmeasured.empty())
      throw Unsupported(fmt::format("[pot] {} needs a metric. {}", what, config_.unmeasured));
    if (config_.top_k.empty() || config_.evaluation.labels.empty())
      throw Unsupported(
          fmt::format("[pot] {} needs the metric accuracy and annotations of the converter "
                      "imagenet. Write them "
                      "into the dataset, or use eightbit.pot in Python with a Metric",
                      what));
  }

  QuantizeOptions options_of(const pot::Algorithms& algorithms, const Dataset& data) const {
    QuantizeOptions options = algorithms.options;
    if (verb_.keep_weights) options.advanced_parameters.compress_weights = false;
    if (const auto size = data.open()->size()) options.subset_size = *size;
    return options;
  }

  Model without_control(const Model& model, const Dataset& data,
                        const pot::Algorithms& algorithms) {
    report_ = {};
    RunOptions run = console_.run_options();
    run.report = &report_;
    return quantize(model, data, options_of(algorithms, data), run);
  }

  Model quantized(const Model& model, const Dataset& data, const fs::path& folder) {
    if (!config_.algorithms.control) return without_control(model, data, config_.algorithms);
    RunOptions run = console_.run_options();
    run.report = &report_;
    AccuracyControlOptions control = *config_.algorithms.control;
    const fs::path intermediate = folder / "accuracy_aware_intermediate";
    fs::create_directories(intermediate);
    control.best_model = intermediate / "intermediate_model.xml";
    accuracy_ =
        quantize_with_accuracy_control(model, data, pot::open_pictures(config_.evaluation, model),
                                       validation(model, config_.top_k.front(), folder),
                                       options_of(config_.algorithms, data), control, run);
    return accuracy_->model;
  }

  ValidationFunction validation(const Model& model, int64_t top_k, const fs::path& folder) const {
    MetricOptions metric;
    metric.metric = top_k == 5 ? Metric::top5 : Metric::top1;
    metric.labels = folder / "labels.txt";
    std::ofstream stream(metric.labels);
    for (int64_t label : config_.evaluation.labels) stream << label << "\n";
    if (!stream.flush())
      throw FileError(fmt::format("[pot] '{}' cannot be written", metric.labels.string()));
    return validation_on(pot::open_pictures(config_.evaluation, model), metric);
  }

  // As POT logs them: a name of 27 characters, and the value.
  void evaluate(const Model& result, const fs::path& folder) {
    for (int64_t top_k : config_.top_k)
      console_.print(fmt::format("{:<27}: {}\n", fmt::format("accuracy@top{}", top_k),
                                 validation(result, top_k, folder)(result).metric));
  }

  std::string summary(const pot::Algorithms& algorithms, const fs::path& target) const {
    std::string text = notes_text(algorithms.notes);
    if (report_.trial) text += fmt::format("Trial run: {}\n", report_.trial->summary());
    text += notes_text(report_.notes);
    if (accuracy_ && !accuracy_->reached) text += accuracy_->failure() + "\n";
    if (accuracy_)
      text += fmt::format("Accuracy: {:.6g} -> {:.6g}, {} of {} quantizers kept\n",
                          accuracy_->float_metric, accuracy_->metric, accuracy_->quantizers,
                          accuracy_->all_quantizers);
    return text + fmt::format("Saved to {}\n", target.string());
  }

  const Pot& verb_;
  Console& console_;
  Files files_;
  const pot::Configuration config_;
  Report report_;
  std::optional<AccuracyResult> accuracy_;
};

CommonFlags common_of(const Pot& verb) {
  CommonFlags flags;
  flags.verbose = verb.log_level == "DEBUG";
  flags.quiet = verb.log_level == "ERROR" || verb.log_level == "CRITICAL";
  return flags;
}

void run(const Pot& verb) {
  check_flags(verb);
  Console console(common_of(verb));
  Job(verb, console).run();
}

}  // namespace

void add_pot(CLI::App& app) {
  auto verb = std::make_shared<Pot>();
  CLI::App* flags = app.add_subcommand(
      "pot", "Quantize by a configuration file of OpenVINO's Post-training Optimization Tool");
  flags->add_option("-c,--config", verb->config,
                    "Configuration: JSON (comments and trailing commas are fine) or YAML");
  flags->add_option("-q,--quantize", verb->quantize, "default or accuracy_aware, without a file")
      ->check(CLI::IsMember({"default", "accuracy_aware"}));
  flags->add_option("--preset", verb->preset, "With -q: performance or mixed")
      ->check(CLI::IsMember({"performance", "mixed"}));
  flags->add_option("-m,--model", verb->model, "With -q: the model's .xml");
  flags->add_option("-w,--weights", verb->weights, "With -q: its .bin");
  flags->add_option("-n,--name", verb->name,
                    "With -q: the model's name; default: that of its file");
  flags
      ->add_option("--engine", verb->engine,
                   "accuracy_checker or simplified; decides over the file")
      ->check(CLI::IsMember({"accuracy_checker", "simplified"}));
  flags->add_option("--ac-config", verb->ac_config, "With -q: an Accuracy Checker file");
  flags->add_option("--data-source", verb->data_source,
                    "Simplified engine: a folder, a list or a glob of pictures, or a .npz; of a "
                    "cascade PART=SOURCE for each part");
  flags->add_option("--max-drop", verb->max_drop,
                    "With -q accuracy_aware: the most that may be lost");
  flags->add_flag("-e,--evaluate", verb->evaluate, "Metrics of the result on the whole dataset");
  flags->add_option("--output-dir", verb->output_dir, "Where results go")->capture_default_str();
  flags->add_flag("-d,--direct-dump", verb->direct_dump,
                  "Results right into --output-dir; what is there is replaced");
  flags->add_option("--log-level", verb->log_level, "What is logged")
      ->check(CLI::IsMember({"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"}))
      ->capture_default_str();
  flags->add_flag("--progress-bar", verb->bar, "The bar is drawn on every terminal");
  flags->add_flag("--stream-output", verb->stream, "The same");
  flags->add_flag("--keep-uncompressed-weights", verb->keep_weights,
                  "Weights stay floats behind FakeQuantize");
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
