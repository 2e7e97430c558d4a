#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include "console.h"
#include "option_flags.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct PlanVerb {
  std::string model;
  OptionFlags options;
  CommonFlags common;
};

void run(const PlanVerb& verb) {
  Console console(verb.common);
  const QuantizeOptions options = verb.options.read();
  const PlanPreview preview =
      plan(Model::read(verb.model, verb.common.engine_for({verb.model})), options);
  console.print(preview.text + (preview.text.ends_with('\n') ? "" : "\n"));
  if (const Expectation& expected = preview.expected; expected.peak_bytes > 0)
    console.print(
        fmt::format("expected: up to {} of memory above the loaded model, a result of {}\n",
                    megabytes(static_cast<uint64_t>(expected.peak_bytes)),
                    megabytes(static_cast<uint64_t>(expected.model_bytes))));
  console.print(fmt::format("{} activation quantizers, {} weight quantizers\n",
                            preview.activation_quantizers, preview.weight_quantizers));
  console.print_json(preview.json);
}

}  // namespace

void add_plan(CLI::App& app) {
  auto verb = std::make_shared<PlanVerb>();
  CLI::App* flags = app.add_subcommand("plan", "Show what quantize would do, without data");
  flags->add_option("MODEL", verb->model, kModelHelp)->required();
  verb->options.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
