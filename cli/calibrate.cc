#include <eightbit/eightbit.h>
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "console.h"
#include "data_flags.h"
#include "interrupt.h"
#include "option_flags.h"
#include "output_file.h"
#include "ranks.h"
#include "statistics_output.h"
#include "verbs.h"

namespace eightbit::cli {
namespace {

struct Calibrate {
  std::string model, shard, checkpoint;
  DataFlags data;
  OptionFlags options;
  OutputFlags output;
  RankFlags ranks;
  CommonFlags common;
};

// "2/8": shard 2 of 8, counted from 0.
Shard parse_shard(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  const char* end = text.data() + text.size();
  const auto [slash, bad_index] = std::from_chars(text.data(), end, shard.index);
  bool valid = bad_index == std::errc{} && slash != end && *slash == '/';
  if (valid) {
    const auto [after, bad_count] = std::from_chars(slash + 1, end, shard.count);
    valid =
        bad_count == std::errc{} && after == end && shard.index >= 0 && shard.index < shard.count;
  }
  if (!valid)
    throw InvalidArgument(fmt::format(
        "[calibrate] --shard cannot be '{}'. It takes INDEX/COUNT, counted from 0: 0/4 to 3/4",
        text));
  return shard;
}

CalibrateOptions calibrate_options(const Calibrate& verb) {
  const QuantizeOptions options = verb.options.read();
  CalibrateOptions out;
  out.subset_size = options.subset_size;
  out.shard = parse_shard(verb.shard);
  out.model_type = options.model_type;
  out.activations_range_estimator_params =
      options.advanced_parameters.activations_range_estimator_params;
  return out;
}

// Together with the other processes of a launcher.
void run_ranks(const Calibrate& verb, const Rank& rank, Console& console) {
  if (!verb.shard.empty() || !verb.checkpoint.empty())
    throw InvalidArgument(fmt::format(
        "[calibrate] {} goes with one process, and {} started {}. Leave it out, or pass --alone",
        verb.shard.empty() ? "--checkpoint" : "--shard", rank.launcher, rank.count));
  const auto target = verb.output.check("", {verb.model});
  const Model model = Model::read(verb.model, verb.common.engine_for({verb.model}));
  const Statistics statistics = measured_by_ranks(
      rank, verb.ranks, target, fingerprint_of(model), verb.options.text() + verb.data.text(),
      [&](const Shard& shard, const std::filesystem::path& checkpoint) {
        CalibrateOptions options = calibrate_options(verb);
        options.shard = shard;
        RunOptions run = console.run_options();
        run.checkpoint = checkpoint;
        run.max_memory = verb.options.max_memory();
        return calibrate(model, verb.data.open(model), options, run);
      });
  if (!statistics.valid()) return;
  statistics.save(target, verb.output.force);
  remove_shares(target);
  print_statistics(console, statistics, verb.output.path);
}

void run(const Calibrate& verb) {
  Console console(verb.common);
  const CalibrateOptions options = calibrate_options(verb);
  if (const Rank rank = verb.ranks.rank(); rank.count > 1) return run_ranks(verb, rank, console);
  const auto target = verb.output.check("", {verb.model});
  const Model model = Model::read(verb.model, verb.common.engine_for({verb.model}));
  RunOptions run = console.run_options();
  run.max_memory = verb.options.max_memory();
  run.checkpoint = verb.checkpoint.empty() ? verb.output.path + ".checkpoint" : verb.checkpoint;
  with_checkpoint(run.checkpoint, [&] {
    const Statistics statistics = calibrate(model, verb.data.open(model), options, run);
    statistics.save(target, verb.output.force);
    print_statistics(console, statistics, verb.output.path);
  });
}

}  // namespace

void add_calibrate(CLI::App& app) {
  auto verb = std::make_shared<Calibrate>();
  CLI::App* flags = app.add_subcommand(
      "calibrate", "Measure a model on samples once, to quantize from the statistics later");
  flags->add_option("MODEL", verb->model, kModelHelp)->required();
  verb->output.add_to(*flags, "Statistics file");
  flags->add_option("--shard", verb->shard,
                    "INDEX/COUNT: measure every COUNT-th sample, for 'eightbit merge'");
  flags->add_option("--checkpoint", verb->checkpoint,
                    "Where samples so far are kept; default: OUTPUT.checkpoint");
  verb->data.add_to(*flags);
  verb->options.add_calibration_to(*flags);
  verb->options.add_max_memory_to(*flags);
  verb->ranks.add_to(*flags);
  verb->common.add_to(*flags);
  flags->callback([verb] { run(*verb); });
}

}  // namespace eightbit::cli
