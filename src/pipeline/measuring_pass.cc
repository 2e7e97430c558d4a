#include "pipeline/measuring_pass.h"

#include <future>
#include <utility>

#include "base/freed_memory.h"
#include "base/log.h"
#include "records/tensor_record.h"

namespace eightbit {
namespace {

constexpr double kWorthTelling = 10;  // seconds

bool share_bytes(const Sample& a, const Sample& b) {
  if (a.inputs.size() != b.inputs.size()) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const Tensor &x = a.inputs[i].tensor, &y = b.inputs[i].tensor;
    if (x.data != y.data || x.shape != y.shape) return false;
  }
  return true;
}

}  // namespace

void report_progress(const RunOptions& run, std::string_view step, int64_t done, int64_t total) {
  if (run.progress) run.progress({step, done, total});
}

MeasuringPass::MeasuringPass(const backends::Network& model, records::StatisticsData data,
                             Feed feed, bool whole_batches, const RunOptions& run)
    : model_(model),
      data_(std::move(data)),
      feed_(std::move(feed)),
      run_(run),
      taps_(record_size(data_.taps())),
      whole_batches_(whole_batches) {
  remember_histograms();
  const auto earlier = data_.options.extract(kSettlingFact);
  if (!feed_.open_ended()) return;
  settling_ = earlier.empty() ? records::Settling() : records::Settling::from(earlier.mapped());
  pause();
}

// Where to look next; where it has settled already, there.
void MeasuringPass::pause() {
  feed_.pause_at(settling_->settled() ? settling_->samples()
                                      : records::Settling::next_after(settling_->samples()));
}

backends::RunSettings MeasuringPass::settings() const {
  return {run_.threads, [this](int64_t k) { return started_.at(static_cast<size_t>(k)); }};
}

backends::Taps MeasuringPass::detailed_taps() const {
  backends::Taps detailed = plain_taps();
  for (const records::Point& layer : data_.layers()) detailed.taps.push_back(layer.tap);
  return detailed;
}

// `more`: there are samples that are not kept.
void MeasuringPass::compile(bool more) {
  const auto begin = Clock::now();
  // How many are enough is seen in all of them: none wait for the end.
  const bool both = !model_.stateful() && more && !data_.layers().empty() && !feed_.open_ended();
  detailed_later_ = both && run_.max_memory > 0;
  std::future<std::unique_ptr<backends::Executor>> other;  // compilation keeps one core busy
  if (both && !detailed_later_)
    other =
        std::async(std::launch::async, [&] { return model_.compile(detailed_taps(), settings()); });
  plain_ = model_.compile(both ? plain_taps() : detailed_taps(), settings());
  if (other.valid()) detailed_ = other.get();
  compiling_ = std::chrono::duration<double>(Clock::now() - begin).count();
  log(LogLevel::debug, "calibrate: compiled in {:.3f} s", compiling_);
}

records::StatisticsData MeasuringPass::finish() {
  compile(!feed_.keeps_all());
  try {
    while (!feed_.finished()) {
      segment();
      if (settling_ && feed_.paused()) look_whether_settled();
      if (!feed_.finished()) checkpoint();
    }
    run_kept();
    checkpoint();
  } catch (...) {
    checkpoint();
    throw;
  }
  collect();
  if (feed_.open_ended()) forget_given_up();
  return std::move(data_);
}

// Inputs that were kept for a time, and may have been in a checkpoint.
void MeasuringPass::forget_given_up() {
  for (int64_t number : data_.kept_samples.numbers())
    if (!feed_.keeps_in_the_end(number)) data_.kept_samples.remove(number);
}

// Runs until the data ends, or until it is time for a checkpoint.
void MeasuringPass::segment() {
  const auto next = [&]() -> std::optional<Sample> {
    const bool due = !run_.checkpoint.empty() && Clock::now() - saved_ > until_next_checkpoint();
    if (due || stopped_) return std::nullopt;
    std::optional<Sample> sample = feed_.next();
    if (sample) started_.push_back(feed_.handed_out());
    return sample;
  };
  run(next, [&](int64_t, std::span<const float> record) { take(record); });
}

// The next record, in the order in which samples were handed out.
void MeasuringPass::take(std::span<const float> record) {
  const int64_t number = numbered(record);
  if (number < 0) return;
  add(number, joined_.empty() ? record : joined_);
  report();
}

void MeasuringPass::add(int64_t number, std::span<const float> record) {
  data_.add(number, points_of(record));
  // Where it is open which samples are kept in the end, of all of them.
  const bool wanted = feed_.open_ended() || feed_.kept().contains(number);
  if (!data_.layers().empty() && wanted && !feed_.sets_aside())
    data_.add_layers(number, layers_of(record));
}

// The number of the sample that `record` completes; -1 while more of its items are to come.
// `joined_`: the record of all of them, where there are several.
int64_t MeasuringPass::numbered(std::span<const float> record) {
  joined_.clear();
  const int64_t items = feed_.items_of_next();
  if (items == 1) return feed_.take_number();
  pending_.emplace_back(record.begin(), record.end());
  if (static_cast<int64_t>(pending_.size()) < items) return -1;
  joined_ = joined(std::exchange(pending_, {}));
  return feed_.take_number();
}

// One record of those of several items.
std::vector<float> MeasuringPass::joined(const std::vector<std::vector<float>>& items) const {
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

// A caller who stops the run does so between samples: what is in flight is still recorded, as its
// histograms are counted already.
void MeasuringPass::run(const std::function<std::optional<Sample>()>& next,
                        const backends::RecordCallback& record) {
  plain_->run(next, record);
  if (stopped_) std::rethrow_exception(stopped_);
}

void MeasuringPass::report() {
  if (stopped_) return;
  try {
    tell_time();
    report_progress(run_, "calibrate", data_.samples(), feed_.total());
  } catch (...) {
    stopped_ = std::current_exception();
  }
}

// Once a few samples have shown how long one takes.
void MeasuringPass::tell_time() {
  if (++measured_ == 1) first_measured_ = Clock::now();
  if (measured_ != kTimedSamples || feed_.total() <= data_.samples()) return;
  const double each = std::chrono::duration<double>(Clock::now() - first_measured_).count() /
                      static_cast<double>(kTimedSamples - 1);
  if (on_speed_)
    return on_speed_({compiling_, each, data_.samples(), feed_.total(), feed_.to_keep()});
  const double left = each * static_cast<double>(feed_.total() - data_.samples());
  if (left > kWorthTelling)
    log(LogLevel::info, "calibrate: {:.3g} s a sample, {:.0f} s to go", each, left);
}

// The samples that the feed has set aside.
void MeasuringPass::run_kept() {
  if (!feed_.sets_aside()) return;
  collect();
  if (detailed_later_) compile_detailed();
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

void MeasuringPass::compile_detailed() {
  plain_.reset();
  return_freed_memory();
  detailed_ = model_.compile(detailed_taps(), settings());
  detailed_later_ = false;
}

// What was counted before the present program.
void MeasuringPass::remember_histograms() {
  earlier_.clear();
  for (int p = 0; p < static_cast<int>(data_.points().size()); ++p)
    earlier_.push_back({data_.histogram(p)});
}

void MeasuringPass::add_kept(int64_t first, const std::vector<std::vector<float>>& items) {
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

// All that was handed out is recorded: the statistics are those of the first samples alone.
void MeasuringPass::look_whether_settled() {
  const int64_t samples = feed_.position();
  if (samples > settling_->samples()) {
    collect();
    settling_->add(samples, records::Settling::snapshot(data_));
  }
  log(LogLevel::debug, "calibrate: after {} samples {:.1f} % of the values still move", samples,
      100 * settling_->moving());
  if (!settling_->settled()) return pause();
  log(LogLevel::info, "calibrate: {} samples are enough: what is measured has settled", samples);
  feed_.close();
}

void MeasuringPass::collect() {
  data_.set_histograms(earlier_);
  auto counts = plain_->histograms();
  counts.resize(data_.points().size());  // layers have none
  data_.add_histograms(counts);
  for (int64_t number : feed_.kept().numbers())
    if (data_.has_sample(number) && !data_.kept_samples.contains(number))
      data_.kept_samples.add(number, feed_.kept().load(number));
}

void MeasuringPass::checkpoint() {
  if (run_.checkpoint.empty() || data_.samples() == 0) return;
  collect();
  if (settling_) data_.options[kSettlingFact] = settling_->state();
  const auto begin = Clock::now();
  data_.save(run_.checkpoint, true);
  data_.options.erase(kSettlingFact);
  saved_ = Clock::now();
  saving_ = saved_ - begin;
}

// Saving takes at most a fiftieth of the time, and no more than half a minute is lost.
MeasuringPass::Clock::duration MeasuringPass::until_next_checkpoint() const {
  using std::chrono::seconds;
  return std::clamp<Clock::duration>(50 * saving_, seconds(5), seconds(25));
}

int64_t MeasuringPass::samples() const {
  int64_t waiting = 0;  // that run at the end
  for (int64_t number : feed_.kept().numbers()) waiting += !data_.has_sample(number);
  return data_.samples() + waiting;
}

// Those that are kept run through the detailed program at the end.
void MeasuringPass::compile_for_observing() {
  if (plain_) return;
  backends::Taps taps = feed_.sets_aside() ? plain_taps() : detailed_taps();
  taps.outputs = true;
  plain_ = model_.compile(std::move(taps), settings());
}

std::vector<Tensor> MeasuringPass::observe(const Sample& sample) {
  if (feed_.finished()) return unobserved(sample);
  compile_for_observing();
  plain_->check(sample, feed_.position());
  feed_.give(sample);
  try {
    return run_given(sample);
  } catch (...) {
    feed_.take_back();
    pending_.clear();
    throw;
  }
}

// What the feed wants of it at once; what is only kept for later runs without being measured.
std::vector<Tensor> MeasuringPass::run_given(const Sample& sample) {
  std::optional<std::vector<Tensor>> outputs;
  while (const std::optional<Sample> piece = feed_.next()) {
    std::vector<Tensor> of_piece = measure_one(*piece);
    if (share_bytes(*piece, sample)) outputs = std::move(of_piece);
  }
  if (!outputs) outputs = unobserved(sample);
  if (feed_.finished()) complete();
  if (stopped_) std::rethrow_exception(std::exchange(stopped_, nullptr));
  return *std::move(outputs);
}

std::vector<Tensor> MeasuringPass::measure_one(const Sample& sample) {
  started_.push_back(feed_.handed_out());
  return plain_->run_one(sample, [&](int64_t, std::span<const float> record) { take(record); });
}

std::vector<Tensor> MeasuringPass::unobserved(const Sample& sample) {
  if (model_.stateful()) {  // the states are in the program
    started_.push_back(feed_.position());
    return plain_->run_one(sample, [](int64_t, std::span<const float>) {});
  }
  if (!runner_) runner_ = model_.runner(backends::FloatPrecision::f32);
  return runner_->run(sample);
}

// All are given. What runs through the program from here on does not count.
void MeasuringPass::complete() {
  if (feed_.sets_aside() && !feed_.kept().empty()) {
    detailed_ = model_.compile(detailed_taps(), settings());
    run_kept();
  }
  collect();
  if (!model_.stateful()) plain_.reset();
}

records::StatisticsData MeasuringPass::finish_observing() {
  if (!feed_.finished() && plain_) {
    feed_.close();
    while (const std::optional<Sample> piece = feed_.next()) measure_one(*piece);
    complete();
  }
  return std::move(data_);
}

}  // namespace eightbit
