#include "pipeline/measure.h"

#include <chrono>
#include <exception>
#include <future>

#include "algorithms/bias_correction.h"
#include "base/error.h"
#include "base/log.h"
#include "pipeline/feed.h"
#include "records/tensor_record.h"

namespace eightbit {
namespace {

using records::StatisticsData;
using Clock = std::chrono::steady_clock;

void report_progress(const RunOptions& run, std::string_view step, int64_t done, int64_t total) {
  if (run.progress) run.progress({step, done, total});
}

// Statistics of an earlier, interrupted run where they fit, else empty ones.
StatisticsData start(const backends::Network& model, std::vector<records::Point> points,
                     std::vector<records::Point> layers, const std::string& data_fingerprint,
                     const MeasureOptions& options, const RunOptions& run) {
  StatisticsData fresh(model.fingerprint(), data_fingerprint, std::move(points), std::move(layers));
  fresh.options = options.facts;
  if (run.checkpoint.empty() || !std::filesystem::exists(run.checkpoint)) return fresh;
  try {
    StatisticsData saved = StatisticsData::load(run.checkpoint);
    fresh.merge(saved);
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

// Two executors measure: most samples run through the plain one; those that are kept for bias
// correction through one that also gives the means of every layer, which costs it fusions. A model
// with states must see all samples in order: there the detailed program runs them all.
class Measurement {
 public:
  Measurement(const backends::Network& model, StatisticsData data, Feed feed, bool whole_batches,
              const RunOptions& run)
      : data_(std::move(data)),
        feed_(std::move(feed)),
        run_(run),
        taps_(record_size(data_.taps())),
        whole_batches_(whole_batches) {
    remember_histograms();
    const auto begin = Clock::now();
    compile(model, !feed_.keeps_all());
    log(LogLevel::debug, "calibrate: compiled in {:.3f} s",
        std::chrono::duration<double>(Clock::now() - begin).count());
  }

  StatisticsData finish() {
    try {
      while (!feed_.finished()) {
        segment();
        checkpoint();
      }
      run_kept();
      checkpoint();
    } catch (...) {
      checkpoint();
      throw;
    }
    collect();
    return std::move(data_);
  }

 private:
  // `more`: there are samples that are not kept.
  void compile(const backends::Network& model, bool more) {
    const backends::RunSettings settings{
        run_.threads, [this](int64_t k) { return started_.at(static_cast<size_t>(k)); }};
    const backends::Taps plain{data_.taps()};
    backends::Taps detailed = plain;
    for (const records::Point& layer : data_.layers()) detailed.taps.push_back(layer.tap);
    const bool both = !model.stateful() && more;
    std::future<std::unique_ptr<backends::Executor>> other;  // compilation keeps one core busy
    if (!data_.layers().empty() && both)
      other = std::async(std::launch::async, [&] { return model.compile(detailed, settings); });
    plain_ = model.compile(data_.layers().empty() || both ? plain : detailed, settings);
    if (other.valid()) detailed_ = other.get();
  }

  // Runs until the data ends, or until it is time for a checkpoint.
  void segment() {
    const auto next = [&]() -> std::optional<Sample> {
      const bool due = !run_.checkpoint.empty() && Clock::now() - saved_ > std::chrono::seconds(5);
      if (due || stopped_) return std::nullopt;
      std::optional<Sample> sample = feed_.next();
      if (sample) started_.push_back(feed_.handed_out());
      return sample;
    };
    run(next, [&](int64_t, std::span<const float> record) {
      const int64_t number = numbered(record);
      if (number < 0) return;
      data_.add(number, points_of(joined_.empty() ? record : joined_));
      if (!data_.layers().empty() && feed_.kept().contains(number) && !feed_.sets_aside())
        data_.add_layers(number, layers_of(joined_.empty() ? record : joined_));
      report();
    });
  }

  // The number of the sample that `record` completes; -1 while more of its items are to come.
  // `joined_`: the record of all of them, where there are several.
  int64_t numbered(std::span<const float> record) {
    joined_.clear();
    const int64_t items = feed_.items_of_next();
    if (items == 1) return feed_.take_number();
    pending_.emplace_back(record.begin(), record.end());
    if (static_cast<int64_t>(pending_.size()) < items) return -1;
    joined_ = joined(std::exchange(pending_, {}));
    return feed_.take_number();
  }

  // One record of those of several items.
  std::vector<float> joined(const std::vector<std::vector<float>>& items) const {
    std::vector<float> out(items.front().size()), rows;
    std::vector<Tap> taps = data_.taps();
    if (out.size() > static_cast<size_t>(taps_))
      for (const records::Point& layer : data_.layers()) taps.push_back(layer.tap);
    size_t from = 0;
    for (const Tap& tap : taps) {
      const auto size = static_cast<size_t>(tap.record_size());
      rows.clear();
      for (const auto& item : items)
        rows.insert(rows.end(), item.begin() + static_cast<int64_t>(from),
                    item.begin() + static_cast<int64_t>(from + size));
      fold_records(tap, rows, std::span(out).subspan(from, size));
      from += size;
    }
    return out;
  }

  std::span<const float> points_of(std::span<const float> record) const {
    return record.first(static_cast<size_t>(taps_));
  }
  std::span<const float> layers_of(std::span<const float> record) const {
    return record.subspan(static_cast<size_t>(taps_));
  }

  // A caller who stops the run does so between samples: what is in flight is still recorded, as its
  // histograms are counted already.
  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) {
    plain_->run(next, record);
    if (stopped_) std::rethrow_exception(stopped_);
  }

  void report() {
    if (stopped_) return;
    try {
      report_progress(run_, "calibrate", data_.samples(), feed_.total());
    } catch (...) {
      stopped_ = std::current_exception();
    }
  }

  // The samples that the feed has set aside.
  void run_kept() {
    if (!feed_.sets_aside()) return;
    collect();
    if (detailed_) plain_ = std::move(detailed_), started_.clear();
    remember_histograms();
    const std::vector<int64_t> numbers = feed_.kept().numbers();
    auto at = numbers.begin(), running = at;
    const auto next = [&]() -> std::optional<Sample> {
      if (at == numbers.end() || stopped_) return std::nullopt;
      started_.push_back(*at);
      return feed_.kept().load(*at++);
    };
    std::vector<std::vector<float>> items;  // of a batch that is run as a whole
    run(next, [&](int64_t, std::span<const float> record) {
      items.emplace_back(record.begin(), record.end());
      if (static_cast<int64_t>(items.size()) < feed_.items(*running)) return;
      add_kept(*running++, items);
      items.clear();
    });
  }

  // What was counted before the present program.
  void remember_histograms() {
    earlier_.clear();
    for (int p = 0; p < static_cast<int>(data_.points().size()); ++p)
      earlier_.push_back({data_.histogram(p)});
  }

  void add_kept(int64_t first, const std::vector<std::vector<float>>& items) {
    if (whole_batches_ && items.size() > 1) return add_kept(first, {joined(items)});
    std::vector<float> means(layers_of(items.front()).size());
    for (size_t i = 0; i < items.size(); ++i) {
      data_.add(first + static_cast<int64_t>(i), points_of(items[i]));
      const auto layers = layers_of(items[i]);
      for (size_t k = 0; k < means.size(); ++k)
        means[k] += layers[k] / static_cast<float>(items.size());
    }
    data_.add_layers(first, means);
    report();
  }

  void collect() {
    data_.set_histograms(earlier_);
    auto counts = plain_->histograms();
    counts.resize(data_.points().size());  // layers have none
    data_.add_histograms(counts);
    for (int64_t number : feed_.kept().numbers())
      if (data_.has_sample(number) && !data_.kept_samples.contains(number))
        data_.kept_samples.add(number, feed_.kept().load(number));
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
  int64_t taps_ = 0;  // floats of a record that belong to the points
  bool whole_batches_ = false;
  std::vector<std::vector<float>> pending_;  // items of the batch that is being recorded
  std::vector<float> joined_;
  std::unique_ptr<backends::Executor> plain_, detailed_;
  std::vector<std::vector<Histogram>> earlier_;
  std::vector<int64_t> started_;  // numbers of the samples that the present program has begun
  std::exception_ptr stopped_;    // by the caller's progress callback
  Clock::time_point saved_ = Clock::now();
};

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

}  // namespace

StatisticsData measure(const backends::Network& model, std::vector<records::Point> points,
                       std::vector<records::Point> layers, const Dataset& dataset,
                       const MeasureOptions& options, const RunOptions& run) {
  auto source = dataset.open();
  StatisticsData data =
      start(model, std::move(points), std::move(layers), source->fingerprint(), options, run);
  FeedOptions feed_options{options.limit,
                           options.shard,
                           {},
                           options.keep,
                           !data.layers().empty() && !model.stateful(),
                           model.stateful(),
                           options.whole_batches};
  std::set<int64_t> done;
  for (int64_t k = 0; k < options.limit; ++k)
    if (data.has_sample(k)) done.insert(k);
  feed_options.is_done = [done = std::move(done)](int64_t number) { return done.contains(number); };
  Feed feed(std::move(source), model.inputs(), std::move(feed_options));
  StatisticsData result =
      Measurement(model, std::move(data), std::move(feed), options.whole_batches, run).finish();
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
