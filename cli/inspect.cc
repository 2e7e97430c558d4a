#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "console.h"
#include "data_flags.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Inspect {
  std::string model;
  size_t layers = 10;
  DataFlags data;
  CommonFlags common;
};

using Rows = std::vector<std::vector<std::string>>;

std::string contents(const Inspection& inspection) {
  Rows rows = {{"op", "count"}};
  for (const auto& [type, count] : inspection.op_counts)
    rows.push_back({type, std::to_string(count)});
  std::string text = table(rows) + "\n";
  rows = {{"weights stored as", "size"}};
  for (const auto& [type, bytes] : inspection.weight_bytes)
    rows.push_back({type, megabytes(static_cast<uint64_t>(bytes))});
  return text + table(rows) +
         fmt::format("\n{} activation quantizers, {} quantized weights\n", inspection.quantizers,
                     inspection.quantized_weights);
}

struct Share {
  int64_t layers = 0;
  double milliseconds = 0;
};

std::string precisions(const Inspection& inspection) {
  std::map<std::string, Share> shares;
  double total = 0;
  for (const LayerInfo& layer : inspection.layers) {
    Share& share = shares[layer.precision];
    ++share.layers;
    share.milliseconds += layer.milliseconds;
    total += layer.milliseconds;
  }
  Rows rows = {{"executed in", "layers", "ms", "share"}};
  for (const auto& [precision, share] : shares)
    rows.push_back({precision, std::to_string(share.layers),
                    fmt::format("{:.3f}", share.milliseconds),
                    fmt::format("{:.0f} %", total > 0 ? 100 * share.milliseconds / total : 0)});
  return table(rows);
}

std::string slowest(std::vector<LayerInfo> layers, size_t count) {
  std::ranges::stable_sort(layers, std::greater{}, &LayerInfo::milliseconds);
  layers.resize(std::min(layers.size(), count));
  Rows rows = {{"slowest layers", "type", "precision", "ms"}};
  for (const LayerInfo& layer : layers)
    rows.push_back(
        {layer.name, layer.type, layer.precision, fmt::format("{:.3f}", layer.milliseconds)});
  return table(rows);
}

std::string unfused(const Inspection& inspection) {
  if (inspection.unfused.empty()) return "";
  Rows rows = {{"quantized inputs, computed in floats", "type", "precision", "ms"}};
  for (const LayerInfo& layer : inspection.unfused)
    rows.push_back(
        {layer.name, layer.type, layer.precision, fmt::format("{:.3f}", layer.milliseconds)});
  return "\n" + table(rows);
}

void run(const Inspect& verb) {
  Console console(verb.common);
  const Model model = Model::read(verb.model, verb.common.engine_for({verb.model}));
  const Inspection inspection = inspect(model, verb.data.first_sample(model));
  console.print(contents(inspection));
  if (!inspection.layers.empty())
    console.print("\n" + precisions(inspection) + "\n" + slowest(inspection.layers, verb.layers) +
                  unfused(inspection));
  console.print_json(inspection.to_json());
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto verb = std::make_shared<Inspect>();
  CLI::App* flags = app.add_subcommand(
      "inspect", "Show what a model consists of and in which precision it really runs");
  flags->add_option("MODEL", verb->model, kModelHelp)->required();
  flags->add_option("--layers", verb->layers, "Slowest layers to list")->capture_default_str();
  verb->data.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
