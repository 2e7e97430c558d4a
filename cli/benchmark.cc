#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "console.h"
#include "data_flags.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Benchmark {
  std::vector<std::string> models;
  BenchmarkOptions options;
  DataFlags data;
  CommonFlags common;
};

std::string rows_text(const std::vector<std::string>& models,
                      const std::vector<BenchmarkRow>& rows) {
  std::vector<std::vector<std::string>> cells = {
      {"model", "latency ms", "p90 ms", "samples/s", "speed"}};
  for (size_t i = 0; i < rows.size(); ++i)
    cells.push_back(
        {models[i], fmt::format("{:.3f}", rows[i].latency_ms),
         fmt::format("{:.3f}", rows[i].latency_p90_ms), fmt::format("{:.1f}", rows[i].throughput),
         fmt::format("{:.2f}x",
                     rows[0].throughput > 0 ? rows[i].throughput / rows[0].throughput : 0)});
  return table(cells);
}

std::string rows_json(const std::vector<std::string>& models,
                      const std::vector<BenchmarkRow>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < rows.size(); ++i)
    json.push_back({{"model", models[i]},
                    {"latency_ms", rows[i].latency_ms},
                    {"latency_p90_ms", rows[i].latency_p90_ms},
                    {"throughput", rows[i].throughput}});
  return json.dump(2);
}

// Figures of two runtimes differ by more than the models.
std::string runtimes_note(const std::vector<std::string>& models, Engine engine) {
  const auto in_onnxruntime = [&](const std::string& path) {
    return std::filesystem::path(path).extension() == ".onnx" && engine != Engine::openvino;
  };
  const auto onnx = std::ranges::find_if(models, in_onnxruntime),
             other = std::ranges::find_if_not(models, in_onnxruntime);
  if (onnx == models.end() || other == models.end()) return "";
  return fmt::format(
      "  note: '{}' runs in ONNX Runtime, '{}' in OpenVINO: this compares runtimes, too. --engine "
      "openvino runs both "
      "in OpenVINO\n",
      *onnx, *other);
}

void run(const Benchmark& verb) {
  Console console(verb.common);
  if (!(verb.options.seconds > 0) || verb.options.rounds < 1)
    throw InvalidArgument(
        fmt::format("[benchmark] --seconds is {}, --rounds {}. Allowed: above 0, and 1 or more",
                    verb.options.seconds, verb.options.rounds));
  if (verb.common.threads)
    throw InvalidArgument(
        "[benchmark] --threads has no effect: models run as their users run them. Leave it out");
  std::vector<Model> models;
  for (const std::string& path : verb.models)
    models.push_back(Model::read(path, parse<Engine>(verb.common.engine)));
  const auto rows = benchmark(models, verb.data.first_sample(models.front()), verb.options,
                              console.run_options());
  console.print(rows_text(verb.models, rows) +
                runtimes_note(verb.models, parse<Engine>(verb.common.engine)));
  console.print_json(rows_json(verb.models, rows));
}

}  // namespace

void add_benchmark(CLI::App& app) {
  auto verb = std::make_shared<Benchmark>();
  CLI::App* flags =
      app.add_subcommand("benchmark", "Measure latency and throughput of models, in turns");
  flags
      ->add_option("MODELS", verb->models,
                   "Models; the first is the one the others are compared with")
      ->required();
  flags->add_option("--seconds", verb->options.seconds, "For each model and measurement")
      ->capture_default_str();
  flags->add_option("--rounds", verb->options.rounds, "Rounds of turns")->capture_default_str();
  verb->data.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
