#include <algorithm>

#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include "console.h"
#include "data_flags.h"
#include "decibels.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Compare {
  std::string reference, quantized;
  int64_t subset_size = 300;
  size_t layers = 10;
  DataFlags data;
  CommonFlags common;
};

std::string differences(const char* title, const std::vector<LayerDifference>& layers, size_t count, bool alone) {
  std::vector<std::vector<std::string>> rows = {{title, "type", "SQNR dB", "cosine"}};
  if (alone) rows[0].push_back("alone dB");
  for (size_t i = 0; i < std::min(layers.size(), count); ++i) {
    rows.push_back({layers[i].name, layers[i].type, decibels(layers[i].sqnr_db, "equal"), fmt::format("{:.6f}", layers[i].cosine)});
    if (alone) rows.back().push_back(decibels(layers[i].alone_db, "equal"));
  }
  return table(rows);
}

void run(const Compare& verb) {
  Console console(verb.common);
  if (verb.subset_size < 1) throw InvalidArgument(fmt::format("[compare] --subset-size is {}. Allowed: numbers from 1 on", verb.subset_size));
  const Engine engine = verb.common.engine_for({verb.reference, verb.quantized});
  const Model reference = Model::read(verb.reference, engine), quantized = Model::read(verb.quantized, engine);
  const CompareResult result = compare(reference, quantized, verb.data.open(reference), verb.subset_size, console.run_options());
  console.print(differences("output", result.outputs, result.outputs.size(), false));
  if (verb.layers && !result.layers.empty()) console.print("\n" + differences("worst layers", result.layers, verb.layers, true));
  if (!result.unseen.empty())
    console.print(fmt::format("\n{} layers gave nothing but zeros: in branches that no sample took, or dead\n", result.unseen.size()));
  console.print(fmt::format("\n{} samples\n", result.samples));
  console.print_json(result.to_json());
}

}  // namespace

void add_compare(CLI::App& app) {
  auto verb = std::make_shared<Compare>();
  CLI::App* flags = app.add_subcommand("compare", "Show how far a quantized model is from its float model, layer by layer");
  flags->add_option("FP32", verb->reference, "Float model")->required();
  flags->add_option("INT8", verb->quantized, "Quantized model")->required();
  flags->add_option("--subset-size", verb->subset_size, "Samples to compare on")->capture_default_str();
  flags->add_option("--layers", verb->layers, "Worst layers to list")->capture_default_str();
  verb->data.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
