#include <eightbit/eightbit.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "console.h"
#include "data_flags.h"
#include "interrupt.h"
#include "option_flags.h"
#include "output_file.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Quantize {
  std::string model, statistics, checkpoint;
  DataFlags data;
  OptionFlags options;
  OutputFlags output;
  CommonFlags common;
};

bool is_onnx(const std::filesystem::path& path) { return path.extension() == ".onnx"; }

void check_source(const Quantize& verb) {
  if (verb.data.given() == !verb.statistics.empty())
    throw InvalidArgument(verb.data.given() ? "[quantize] --data and --statistics are both given. Leave one out"
                                            : "[quantize] --data is missing. Name the calibration samples, or --statistics of an earlier "
                                              "'eightbit calibrate'");
  if (verb.statistics.empty()) return;
  verb.data.refuse_details("with --statistics");
  if (!verb.checkpoint.empty())
    throw InvalidArgument("[quantize] --checkpoint has no effect with --statistics: nothing is measured. Leave it out");
  if (verb.options.given("/subset_size"))
    throw InvalidArgument("[quantize] --subset-size has no effect with --statistics: its samples are already measured. Leave it out");
}

std::string summary(const Report& report, uint64_t before, uint64_t after, const std::string& path) {
  std::vector<std::vector<std::string>> rows = {
      {"quantizers", fmt::format("{} activations, {} weights", report.activation_quantizers, report.weight_quantizers)},
      {"samples", std::to_string(report.samples)},
  };
  if (report.corrected_biases) rows.push_back({"corrected biases", std::to_string(report.corrected_biases)});
  for (const StepTime& step : report.steps) rows.push_back({step.step, fmt::format("{:.2f} s", step.seconds)});
  rows.push_back({"total", fmt::format("{:.2f} s", report.seconds)});
  rows.push_back({"size", fmt::format("{} -> {}", megabytes(before), megabytes(after))});
  std::string text = table(rows);
  for (const std::string& note : report.notes) text += fmt::format("  note: {}\n", note);
  return text + fmt::format("Saved to {}\n", path);
}

std::string as_json(const Report& report, uint64_t before, uint64_t after, const std::string& path) {
  const nlohmann::ordered_json json = {{"output", path}, {"bytes_before", before}, {"bytes_after", after},
                                       {"report", nlohmann::ordered_json::parse(report.to_json())}};
  return json.dump(2);
}

void run(const Quantize& verb) {
  Console console(verb.common);
  check_source(verb);
  const QuantizeOptions options = verb.options.read();
  const Engine engine = verb.common.engine_for({verb.model, verb.output.path});
  const auto target = verb.output.check(is_onnx(verb.model) && engine != Engine::openvino ? ".onnx" : ".xml", {verb.model});
  const Model model = Model::read(verb.model, engine);
  Report report;
  RunOptions run = console.run_options();
  run.report = &report;
  run.checkpoint = verb.checkpoint;
  with_checkpoint(run.checkpoint, [&] {
    const Model quantized = verb.data.given() ? quantize(model, verb.data.open(model), options, run)
                                              : quantize(model, Statistics::load(verb.statistics), options, run);
    quantized.save(target, verb.output.force);
  });
  const uint64_t before = model_bytes(verb.model), after = model_bytes(target);
  console.print(summary(report, before, after, verb.output.path));
  console.print_json(as_json(report, before, after, verb.output.path));
}

}  // namespace

void add_quantize(CLI::App& app) {
  auto verb = std::make_shared<Quantize>();
  CLI::App* flags = app.add_subcommand("quantize", "Quantize a model with calibration samples or saved statistics");
  flags->add_option("MODEL", verb->model, "OpenVINO IR (.xml) or ONNX (.onnx)")->required();
  verb->output.add_to(*flags, "Quantized model, .xml or .onnx: OpenVINO IR, or ONNX as the model is");
  flags->add_option("--statistics", verb->statistics, "Statistics of 'eightbit calibrate', in the place of --data");
  flags->add_option("--checkpoint", verb->checkpoint, "Where samples so far are kept; an interrupted run goes on from it");
  verb->data.add_to(*flags);
  verb->options.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
