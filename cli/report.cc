#include <algorithm>

#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include "console.h"
#include "data_flags.h"
#include "decibels.h"
#include "output_file.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct ReportVerb {
  std::string reference, quantized;
  int64_t subset_size = 100;
  size_t layers = 10;
  DataFlags data;
  OutputFlags output;
  CommonFlags common;
};

std::string worst(const ModelReport& report, size_t count) {
  std::vector<std::vector<std::string>> rows = {{"worst layers", "alone dB", "all dB", "cause"}};
  for (size_t i = 0; i < std::min(report.layers.size(), count); ++i) {
    const LayerReport& layer = report.layers[i];
    rows.push_back({layer.name, decibels(layer.alone_db, "exact"), decibels(layer.accumulated_db, "exact"),
                    layer.quantized ? std::string(to_string(layer.cause)) : "float"});
  }
  return table(rows);
}

std::string summary(const ModelReport& report, size_t layers) {
  std::string text;
  for (const std::string& problem : report.float_check.problems) text += fmt::format("  the float model: {}\n", problem);
  std::vector<std::vector<std::string>> rows = {{"output", "SQNR dB"}};
  for (const LayerDifference& output : report.outputs) rows.push_back({output.name, decibels(output.sqnr_db, "exact")});
  text += table(rows) + "\n" + worst(report, layers);
  for (const Fix& fix : report.fixes) text += fmt::format("  try: {}: {}\n", fix.text, fix.flags);
  return text;
}

void run(const ReportVerb& verb) {
  Console console(verb.common);
  if (verb.subset_size < 1) throw InvalidArgument(fmt::format("[report] --subset-size is {}. Allowed: numbers from 1 on", verb.subset_size));
  const auto extension = std::filesystem::path(verb.output.path).extension();
  const auto target = verb.output.check(extension == ".json" ? ".json" : ".html", {verb.reference, verb.quantized});
  const Engine engine = verb.common.engine_for({verb.reference, verb.quantized});
  const Model reference = Model::read(verb.reference, engine), quantized = Model::read(verb.quantized, engine);
  const ModelReport made = report(reference, quantized, verb.data.open(reference), verb.subset_size, console.run_options());
  made.save(target, verb.output.force);
  console.print(summary(made, verb.layers) + fmt::format("Saved to {}\n", verb.output.path));
  console.print_json(made.to_json());
}

}  // namespace

void add_report(CLI::App& app) {
  auto verb = std::make_shared<ReportVerb>();
  CLI::App* flags = app.add_subcommand("report", "Write a page that shows which layers of a quantized model hurt, why, and what to do");
  flags->add_option("FP32", verb->reference, "Float model")->required();
  flags->add_option("INT8", verb->quantized, "Quantized model, of this tool or another one")->required();
  verb->output.add_to(*flags, "Report: .html, or .json");
  flags->add_option("--subset-size", verb->subset_size, "Samples to measure on")->capture_default_str();
  flags->add_option("--layers", verb->layers, "Worst layers to list")->capture_default_str();
  verb->data.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
