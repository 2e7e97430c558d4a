#include "pipeline/measure.h"

#include <chrono>
#include <limits>

#include "algorithms/bias_correction.h"
#include "base/error.h"
#include "base/log.h"
#include "pipeline/feed.h"
#include "pipeline/measuring_pass.h"

namespace eightbit {
namespace {

using records::StatisticsData;
using Clock = std::chrono::steady_clock;

// Statistics of an earlier, interrupted run where they fit, else empty ones.
StatisticsData start(const backends::Network& model, std::vector<records::Point> points,
                     std::vector<records::Point> layers, const std::string& data_fingerprint,
                     const MeasureOptions& options, const RunOptions& run) {
  StatisticsData fresh(model.fingerprint(), data_fingerprint, std::move(points), std::move(layers));
  fresh.options = options.facts;
  if (run.checkpoint.empty() || !std::filesystem::exists(run.checkpoint)) return fresh;
  try {
    StatisticsData saved = StatisticsData::load(run.checkpoint);
    auto settling = saved.options.extract(kSettlingFact);
    fresh.merge(saved);
    if (!settling.empty()) fresh.options.insert(std::move(settling));
  } catch (const InvalidArgument&) {
    fail<InvalidArgument>(
        "calibrate",
        "the checkpoint '{}' belongs to another model, other data or other options. Remove "
        "it or name another one.",
        run.checkpoint.string());
  }
  log(LogLevel::info, "resumed from '{}': {} samples are done", run.checkpoint.string(),
      fresh.samples());
  return fresh;
}

}  // namespace

void warn_about_bad_values(const StatisticsData& data) {
  for (int p = 0; p < static_cast<int>(data.points().size()); ++p) {
    int64_t bad = 0;
    for (const records::Row& row : data.rows(p)) bad += row.finite < 1;
    if (bad == 0) continue;
    log(LogLevel::warning,
        "'{}' held NaN or Inf in {} of {} samples; these values were left out. It is the first op "
        "that did.",
        data.points()[static_cast<size_t>(p)].name, bad, data.samples());
    return;
  }
}

StatisticsData measure(const backends::Network& model, std::vector<records::Point> points,
                       std::vector<records::Point> layers, const Dataset& dataset,
                       const MeasureOptions& options, const RunOptions& run) {
  auto source = dataset.open();
  StatisticsData data =
      start(model, std::move(points), std::move(layers), source->fingerprint(), options, run);
  const bool settles = options.limit == 0;
  FeedOptions feed_options{settles ? std::numeric_limits<int64_t>::max() / 4 : options.limit,
                           settles,
                           options.shard,
                           {},
                           options.keep,
                           !data.layers().empty() && !model.stateful() && !settles,
                           model.stateful(),
                           options.whole_batches};
  if (run.max_memory > 0) feed_options.most_together = 1;
  feed_options.is_done = [done = data.sample_numbers()](int64_t number) {
    return done.contains(number);
  };
  Feed feed(std::move(source), model.inputs(), std::move(feed_options));
  MeasuringPass pass(model, std::move(data), std::move(feed), options.whole_batches, run);
  if (!settles && options.shard.count == 1) pass.set_on_speed(options.on_speed);
  StatisticsData result = pass.finish();
  if (result.samples() == 0)
    fail<DataError>("calibrate", "the dataset gave no samples. Check that it is not empty{}.",
                    options.shard.count > 1 ? " and that this shard has a share"
                                            : " and was not read before (a generator)");
  if (result.samples() < options.limit && options.shard.count == 1)
    log(LogLevel::info, "the dataset gave {} samples, {} were asked for", result.samples(),
        options.limit);
  warn_about_bad_values(result);
  return result;
}

std::function<std::optional<Sample>()> each_of(const records::KeptSamples& kept,
                                               std::vector<int64_t> numbers) {
  return [&kept, numbers = std::move(numbers), at = size_t{0}]() mutable {
    return at == numbers.size() ? std::nullopt : std::optional(kept.load(numbers[at++]));
  };
}

void run_kept(const backends::Network& model, const StatisticsData& statistics,
              std::span<const int64_t> numbers, const std::vector<Tap>& taps, std::string_view step,
              const RunOptions& run) {
  if (taps.empty()) return;
  const backends::RunSettings settings{
      run.threads, [numbers](int64_t k) { return numbers[static_cast<size_t>(k)]; }};
  int64_t done = 0;
  model.compile(backends::Taps{taps}, settings)
      ->run(each_of(statistics.kept_samples, {numbers.begin(), numbers.end()}),
            [&](int64_t, std::span<const float>) {
              report_progress(run, step, ++done, static_cast<int64_t>(numbers.size()));
            });
}

std::optional<std::vector<BiasShift>> measure_bias_shifts(const backends::Network& model,
                                                          const StatisticsData& statistics,
                                                          const Plan& plan,
                                                          std::span<const int64_t> numbers,
                                                          bool checked, const RunOptions& run) {
  auto probes = algorithms::bias_probes(model.graph(), plan);
  if (probes.empty()) return std::vector<BiasShift>{};
  backends::Probes measured{
      &plan, probes, algorithms::reference_means(model.graph(), probes, statistics, numbers, plan)};
  if (measured.reference_means.empty()) return {};
  const backends::RunSettings settings{
      run.threads, [numbers](int64_t k) { return numbers[static_cast<size_t>(k)]; }};
  const auto begin = Clock::now();
  const auto executor = model.compile(std::move(measured), settings);
  log(LogLevel::debug, "bias correction: compiled in {:.3f} s",
      std::chrono::duration<double>(Clock::now() - begin).count());
  algorithms::BiasCorrection correction(std::move(probes));
  int64_t done = 0;
  executor->run(each_of(statistics.kept_samples, {numbers.begin(), numbers.end()}),
                [&](int64_t, std::span<const float> record) {
                  correction.add(record);
                  report_progress(run, "bias correction", ++done,
                                  static_cast<int64_t>(numbers.size()));
                });
  return correction.shifts(checked);
}

}  // namespace eightbit
