#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "console.h"
#include "decibels.h"
#include "model_pair.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Compare {
  ModelPairFlags models;
  CommonFlags common;
};

// `last`: a column that outputs or layers have alone.
std::string differences(const char* title, const std::vector<LayerDifference>& layers, size_t count,
                        const char* last, std::optional<double> LayerDifference::* value) {
  std::vector<std::vector<std::string>> rows = {{title, "type", "SQNR dB", "cosine", last}};
  for (size_t i = 0; i < std::min(layers.size(), count); ++i)
    rows.push_back({layers[i].name, layers[i].type, decibels(layers[i].sqnr_db, "equal"),
                    fmt::format("{:.6f}", layers[i].cosine), decibels(layers[i].*value, "equal")});
  return table(rows);
}

void run(const Compare& verb) {
  Console console(verb.common);
  const auto [reference, quantized] = verb.models.read(verb.common);
  const CompareResult result = compare(reference, quantized, verb.models.data.open(reference),
                                       verb.models.subset_size, console.run_options());
  console.print(differences("output", result.outputs, result.outputs.size(), "measured dB",
                            &LayerDifference::measured_db));
  const size_t layers = verb.models.layers;
  if (layers && !result.layers.empty())
    console.print("\n" + differences("worst layers", result.layers, layers, "alone dB",
                                     &LayerDifference::alone_db));
  if (!result.unseen.empty())
    console.print(fmt::format(
        "\n{} layers gave nothing but zeros: in branches that no sample took, or dead\n",
        result.unseen.size()));
  console.print(fmt::format("\n{} samples\n", result.samples));
  console.print_json(result.to_json());
}

}  // namespace

void add_compare(CLI::App& app) {
  auto verb = std::make_shared<Compare>();
  CLI::App* flags = app.add_subcommand(
      "compare", "Show how far a quantized model is from its float model, layer by layer");
  verb->models.add_to(*flags, 300);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
