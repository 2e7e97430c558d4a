#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include "console.h"
#include "data_flags.h"
#include "option_flags.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct PlanVerb {
  std::string model;
  DataFlags data;
  OptionFlags options;
  CommonFlags common;
};

std::string text_of(const Expectation& expected) {
  std::string text = "expected:";
  if (expected.peak_bytes > 0)
    text += fmt::format(" up to {} of memory above the loaded model, a result of {}",
                        megabytes(static_cast<uint64_t>(expected.peak_bytes)),
                        megabytes(static_cast<uint64_t>(expected.model_bytes)));
  if (expected.seconds > 0)
    text += fmt::format("{} {:.2g} s", expected.peak_bytes > 0 ? "," : "", expected.seconds);
  return text + "\n";
}

void run(const PlanVerb& verb) {
  Console console(verb.common);
  const QuantizeOptions options = verb.options.read();
  const Model model = Model::read(verb.model, verb.common.engine_for({verb.model}));
  if (!verb.data.given()) verb.data.refuse_details("without --data");
  const PlanPreview preview =
      verb.data.given() ? plan(model, verb.data.open(model), options, console.run_options())
                        : plan(model, options);
  console.print(preview.text + (preview.text.ends_with('\n') ? "" : "\n"));
  if (preview.expected.peak_bytes > 0 || preview.expected.seconds > 0)
    console.print(text_of(preview.expected));
  console.print(fmt::format("{} activation quantizers, {} weight quantizers\n",
                            preview.activation_quantizers, preview.weight_quantizers));
  console.print_json(preview.json);
}

}  // namespace

void add_plan(CLI::App& app) {
  auto verb = std::make_shared<PlanVerb>();
  CLI::App* flags =
      app.add_subcommand("plan", "Show what quantize would do; with data, how long it takes, too");
  flags->add_option("MODEL", verb->model, kModelHelp)->required();
  verb->data.add_to(*flags);
  verb->options.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
