#include "pipeline/measure.h"

#include <chrono>

#include "algorithms/bias_correction.h"
#include "base/error.h"
#include "base/log.h"
#include "pipeline/feed.h"

namespace eightbit {
namespace {

using records::StatisticsData;
using Clock = std::chrono::steady_clock;

void report_progress(const RunOptions& run, std::string_view step, int64_t done, int64_t total) {
  if (run.progress) run.progress({step, done, total});
}

// Statistics of an earlier, interrupted run where they fit, else empty ones.
StatisticsData start(const backends::BackendModel& model, std::vector<records::Point> points,
                     const std::string& data_fingerprint, const MeasureOptions& options, const RunOptions& run) {
  StatisticsData fresh(model.fingerprint(), data_fingerprint, std::move(points));
  fresh.options = options.facts;
  if (run.checkpoint.empty() || !std::filesystem::exists(run.checkpoint)) return fresh;
  try {
    StatisticsData saved = StatisticsData::load(run.checkpoint);
    fresh.merge(saved);
  } catch (const InvalidArgument&) {
    fail<InvalidArgument>("calibrate", "the checkpoint '{}' belongs to another model, other data or other options. Remove "
                          "it or name another one.", run.checkpoint.string());
  }
  log(LogLevel::info, "resumed from '{}': {} samples are done", run.checkpoint.string(), fresh.samples());
  return fresh;
}

class Measurement {
 public:
  Measurement(const backends::BackendModel& model, StatisticsData data, Feed feed, const RunOptions& run)
      : data_(std::move(data)), feed_(std::move(feed)), run_(run) {
    for (int p = 0; p < static_cast<int>(data_.points().size()); ++p) earlier_.push_back({data_.histogram(p)});
    backends::Program program;
    program.taps = data_.taps();
    program.threads = run.threads;
    const auto begin = Clock::now();
    executor_ = model.compile(program);
    log(LogLevel::debug, "calibrate: compiled in {:.3f} s", std::chrono::duration<double>(Clock::now() - begin).count());
  }

  StatisticsData finish() {
    try {
      while (!feed_.finished()) {
        segment();
        checkpoint();
      }
    } catch (...) {
      checkpoint();
      throw;
    }
    collect();
    return std::move(data_);
  }

 private:
  // Runs until the data ends, or until it is time for a checkpoint.
  void segment() {
    const auto next = [&]() -> std::optional<Sample> {
      const bool due = !run_.checkpoint.empty() && Clock::now() - saved_ > std::chrono::seconds(5);
      return due ? std::nullopt : feed_.next();
    };
    executor_->run(next, [&](int64_t, std::span<const float> record) {
      data_.add(feed_.take_number(), record);
      report_progress(run_, "calibrate", data_.samples(), feed_.total());
    });
  }

  void collect() {
    data_.set_histograms(earlier_);
    data_.add_histograms(executor_->histograms());
    data_.kept_samples.merge(feed_.kept());
  }

  void checkpoint() {
    if (run_.checkpoint.empty() || data_.samples() == 0) return;
    collect();
    data_.save(run_.checkpoint, true);
    saved_ = Clock::now();
  }

  StatisticsData data_;
  Feed feed_;
  const RunOptions& run_;
  std::unique_ptr<backends::Executor> executor_;
  std::vector<std::vector<Histogram>> earlier_;
  Clock::time_point saved_ = Clock::now();
};

void warn_about_bad_values(const StatisticsData& data) {
  for (int p = 0; p < static_cast<int>(data.points().size()); ++p) {
    int64_t bad = 0;
    for (const records::Row& row : data.rows(p)) bad += row.finite < 1;
    if (bad == 0) continue;
    log(LogLevel::warning, "'{}' held NaN or Inf in {} of {} samples; these values were left out. It is the first op that did.",
        data.points()[static_cast<size_t>(p)].name, bad, data.samples());
    return;
  }
}

}  // namespace

StatisticsData measure(const backends::BackendModel& model, std::vector<records::Point> points, const Dataset& dataset,
                       const MeasureOptions& options, const RunOptions& run) {
  auto source = dataset.open();
  StatisticsData data = start(model, std::move(points), source->fingerprint(), options, run);
  FeedOptions feed_options{options.limit, options.shard, {}, options.keep};
  std::set<int64_t> done;
  for (int64_t k = 0; k < options.limit; ++k)
    if (data.has_sample(k)) done.insert(k);
  feed_options.is_done = [done = std::move(done)](int64_t number) { return done.contains(number); };
  Feed feed(std::move(source), model.inputs(), std::move(feed_options));
  StatisticsData result = Measurement(model, std::move(data), std::move(feed), run).finish();
  if (result.samples() == 0)
    fail<DataError>("calibrate", "the dataset gave no samples. Check that it is not empty{}.",
                    options.shard.count > 1 ? " and that this shard has a share" : " and was not read before (a generator)");
  if (result.samples() < options.limit && options.shard.count == 1)
    log(LogLevel::info, "the dataset gave {} samples, {} were asked for", result.samples(), options.limit);
  warn_about_bad_values(result);
  return result;
}

std::vector<BiasShift> measure_bias_shifts(const backends::BackendModel& model, const Plan& plan,
                                           const std::map<int64_t, Sample>& samples, const RunOptions& run) {
  auto probes = algorithms::bias_probes(model.graph(), plan);
  if (probes.empty() || samples.empty()) return {};
  backends::Program program;
  program.plan = &plan;
  program.probes = probes;
  program.threads = run.threads;
  const auto begin = Clock::now();
  const auto executor = model.compile(program);
  log(LogLevel::debug, "bias correction: compiled in {:.3f} s", std::chrono::duration<double>(Clock::now() - begin).count());
  algorithms::BiasCorrection correction(std::move(probes));
  auto at = samples.begin();
  int64_t done = 0;
  executor->run([&] { return at == samples.end() ? std::nullopt : std::optional<Sample>((at++)->second); },
                [&](int64_t, std::span<const float> record) {
                  correction.add(record);
                  report_progress(run, "bias correction", ++done, static_cast<int64_t>(samples.size()));
                });
  return correction.shifts();
}

}  // namespace eightbit
