#include <eightbit/eightbit.h>

#include "console.h"
#include "interrupt.h"
#include "output_file.h"
#include "statistics_output.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Merge {
  std::vector<std::string> parts;
  OutputFlags output;
  CommonFlags common;
};

void run(const Merge& verb) {
  Console console(verb.common);
  const auto target = verb.output.check("", verb.parts);
  std::vector<Statistics> parts;
  for (const std::string& part : verb.parts) {
    throw_if_interrupted();
    parts.push_back(Statistics::load(part));
  }
  const Statistics merged = Statistics::merge(parts);
  merged.save(target, verb.output.force);
  print_statistics(console, merged, verb.output.path);
}

}  // namespace

void add_merge(CLI::App& app) {
  auto verb = std::make_shared<Merge>();
  CLI::App* flags = app.add_subcommand("merge", "Join the statistics of shards, in any order");
  flags->add_option("PARTS", verb->parts, "Statistics files of one calibration")->required();
  verb->output.add_to(*flags, "Statistics file");
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
