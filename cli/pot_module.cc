#include "pot_module.h"

#include <eightbit/error.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "interrupt.h"
#include "python_process.h"

namespace eightbit::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kModule = "eightbit.pot.app.module";
constexpr int kRaised = 3;  // what the module ends with where its user's code raised something

Json files_of(const fs::path& model, const fs::path& weights) {
  const fs::path bin = weights.empty() ? fs::path(model).replace_extension(".bin") : weights;
  return {{"model", model.string()}, {"weights", bin.string()}};
}

// What load_model takes.
Json model_of(const pot::Configuration& config) {
  Json model = config.cascade.empty() ? files_of(config.model, config.weights) : Json::object();
  if (!config.model_name.empty()) model["model_name"] = config.model_name;
  for (const pot::Part& part : config.cascade) {
    Json files = files_of(part.model, part.weights);
    files["name"] = part.name;
    model["cascade"].push_back(std::move(files));
  }
  return model;
}

// What create_pipeline takes: what a file says once for all algorithms belongs to each of them.
Json algorithms_of(const std::string& json) {
  const Json compression = Json::parse(json)["compression"];
  Json algorithms = compression["algorithms"];
  for (Json& algorithm : algorithms)
    for (const char* key : {"target_device", "model_type"})
      if (compression.contains(key)) algorithm["params"][key] = compression[key];
  return algorithms;
}

}  // namespace

void run_module(const pot::Configuration& config, const std::string& json, const ModuleRun& run,
                Console& console) {
  const pot::Module& module = *config.module;
  std::vector<std::string> arguments = {"--module",     module.name,
                                        "--key",        module.key,
                                        "--path",       module.folder.string(),
                                        "--config",     module.config,
                                        "--model",      model_of(config).dump(),
                                        "--algorithms", algorithms_of(json).dump(),
                                        "--out",        run.folder.string(),
                                        "--log-level",  run.log_level};
  if (run.evaluate) arguments.emplace_back("--evaluate");
  if (run.keep_weights) arguments.emplace_back("--keep-weights");
  console.finish_progress();
  const auto shown = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  const Ended ended = run_python(kModule, arguments, shown);
  throw_if_interrupted();
  if (ended.status == 0) {
    if (!ended.last_line.empty()) shown(ended.last_line);
    return;
  }
  if (ended.status == kRefusedByPython) throw InvalidArgument(ended.last_line);
  if (ended.status == kRaised)
    throw InvalidArgument(fmt::format("[pot] {}: '{}' failed: {}. The lines above tell where",
                                      module.key, module.name, ended.last_line));
  throw InvalidArgument(fmt::format(
      "[pot] {}: the engine '{}' is run by the Python package eightbit, which '{}' does not run{}. "
      "Install it (pip install eightbit[openvino]), or name the Python that has it in "
      "EIGHTBIT_PYTHON",
      module.key, module.name, python_program(),
      ended.last_line.empty() ? "" : ": " + ended.last_line));
}

}  // namespace eightbit::cli
