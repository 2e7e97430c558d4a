#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>

#include "console.h"
#include "decibels.h"
#include "model_pair.h"
#include "output_file.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct ReportVerb {
  ModelPairFlags models;
  OutputFlags output;
  CommonFlags common;
};

std::string worst(const ModelReport& report, size_t count) {
  std::vector<std::vector<std::string>> rows = {{"worst layers", "alone dB", "all dB", "cause"}};
  for (size_t i = 0; i < std::min(report.layers.size(), count); ++i) {
    const LayerReport& layer = report.layers[i];
    rows.push_back({layer.name, decibels(layer.alone_db, "exact"),
                    decibels(layer.accumulated_db, "exact"),
                    layer.quantized ? std::string(to_string(layer.cause)) : "float"});
  }
  return table(rows);
}

std::string summary(const ModelReport& report, size_t layers) {
  std::string text;
  for (const std::string& problem : report.float_check.problems)
    text += fmt::format("  the float model: {}\n", problem);
  std::vector<std::vector<std::string>> rows = {{"output", "SQNR dB"}};
  for (const LayerDifference& output : report.outputs)
    rows.push_back({output.name, decibels(output.sqnr_db, "exact")});
  text += table(rows) + "\n" + worst(report, layers);
  for (const Fix& fix : report.fixes) text += fmt::format("  try: {}: {}\n", fix.text, fix.flags);
  return text;
}

void run(const ReportVerb& verb) {
  Console console(verb.common);
  const auto extension = std::filesystem::path(verb.output.path).extension();
  const auto target = verb.output.check(extension == ".json" ? ".json" : ".html",
                                        {verb.models.reference, verb.models.quantized});
  const auto [reference, quantized] = verb.models.read(verb.common);
  const ModelReport made = report(reference, quantized, verb.models.data.open(reference),
                                  verb.models.subset_size, console.run_options());
  made.save(target, verb.output.force);
  console.print(summary(made, verb.models.layers) + fmt::format("Saved to {}\n", verb.output.path));
  console.print_json(made.to_json());
}

}  // namespace

void add_report(CLI::App& app) {
  auto verb = std::make_shared<ReportVerb>();
  CLI::App* flags = app.add_subcommand(
      "report",
      "Write a page that shows which layers of a quantized model hurt, why, and what to do");
  verb->output.add_to(*flags, "Report: .html, or .json");
  verb->models.add_to(*flags, 100);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
