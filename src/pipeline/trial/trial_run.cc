#include "pipeline/trial/trial_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/freed_memory.h"
#include "base/log.h"
#include "pipeline/trial/take_turns.h"

namespace eightbit {
namespace {

using backends::FloatPrecision;
using nlohmann::ordered_json;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Scores of classes: a row an item.
bool looks_like_scores(const Tensor& tensor) {
  return is_float(tensor.dtype) && tensor.shape.size() == 2 && tensor.shape[1] > 1;
}

// Rows whose largest element is the same, of one output.
class Agreement {
 public:
  void add(const Tensor& a, const Tensor& b) {
    scores_ = scores_ && looks_like_scores(a) && a.shape == b.shape;
    if (!scores_) return;
    const std::vector<float> x = to_floats(a), y = to_floats(b);
    const auto classes = static_cast<std::ptrdiff_t>(a.shape[1]);
    for (auto i = x.begin(), j = y.begin(); i != x.end(); i += classes, j += classes, ++all_)
      same_ += std::max_element(i, i + classes) - i == std::max_element(j, j + classes) - j;
  }
  std::optional<double> share() const {
    if (!scores_ || all_ == 0) return std::nullopt;
    return static_cast<double>(same_) / static_cast<double>(all_);
  }

 private:
  bool scores_ = true;
  int64_t same_ = 0, all_ = 0;
};

std::vector<Agreement> agreement_of(const TrialOutputs& reference, const TrialOutputs& other) {
  std::vector<Agreement> agreement;
  for (size_t s = 0; s < reference.size(); ++s) {
    const std::vector<Tensor> a = reference.of(s), b = other.of(s);
    agreement.resize(a.size());
    for (size_t i = 0; i < a.size(); ++i) agreement[i].add(a[i], b[i]);
  }
  return agreement;
}

// Of a sample, of these parts.
std::vector<search::OutputNoise> noise_of(const std::vector<Tensor>& reference,
                                          const std::vector<Tensor>& outputs,
                                          const std::vector<search::OutputPart>& parts) {
  std::vector<search::OutputNoise> noise;
  for (const search::OutputPart& part : parts)
    noise.emplace_back().add(reference[part.output], outputs[part.output], part);
  return noise;
}

double worst(const std::vector<double>& decibels) {
  return decibels.empty() ? kInfinite : std::ranges::min(decibels);
}

ordered_json finite(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

std::string text_of(double decibels) {
  if (std::isinf(decibels))
    return decibels > 0 ? "no noise"
                        : "NaN, Inf or another shape where the float model has numbers";
  return fmt::format("{:.1f} dB", decibels);
}

}  // namespace

std::vector<search::OutputNoise> over_samples(const NoiseRows& rows) {
  std::vector<search::OutputNoise> sums(rows.empty() ? 0 : rows[0].size());
  for (const auto& row : rows)
    for (size_t i = 0; i < sums.size(); ++i) sums[i].add(row[i]);
  return sums;
}

double energy_of(double decibels) { return std::pow(10.0, -decibels / 10); }

std::vector<int64_t> spread_over(const std::vector<int64_t>& numbers, int64_t most) {
  const auto all = static_cast<int64_t>(numbers.size()), count = std::min(all, most);
  std::vector<int64_t> out;
  for (int64_t k = 0; k < count; ++k) out.push_back(numbers[static_cast<size_t>(k * all / count)]);
  return out;
}

SampleSplit split_samples(const records::KeptSamples& kept, int64_t wanted) {
  const auto count = static_cast<int64_t>(kept.size());
  const int64_t trial = std::min(kTrialSamples, count / 3);
  SampleSplit split;
  split.correction = kept.spread(std::min(wanted, count - trial));
  const std::vector<int64_t> all = kept.spread(kept_with_trial(wanted));
  std::vector<int64_t> rest;
  std::ranges::set_difference(all, split.correction, std::back_inserter(rest));
  split.disjoint = !rest.empty();
  const std::vector<int64_t>& from = split.disjoint ? rest : all;
  split.trial = spread_over(from, kTrialSamples);
  split.search = split.trial;
  std::vector<int64_t> others;
  std::ranges::set_difference(spread_over(from, kSearchSamples), split.trial,
                              std::back_inserter(others));
  const auto room = static_cast<size_t>(kSearchSamples) - split.trial.size();
  split.search.insert(split.search.end(), others.begin(),
                      others.begin() + static_cast<std::ptrdiff_t>(std::min(room, others.size())));
  return split;
}

std::vector<Sample> TrialSamples::first(size_t count) const {
  std::vector<Sample> samples;
  for (size_t i = 0; i < std::min(count, size()); ++i) samples.push_back((*this)[i]);
  return samples;
}

backends::Runner& Compiled::runner() {
  if (!runner_) runner_ = model.impl().runner(precision);
  return *runner_;
}

void Compiled::release() {
  runner_.reset();
  return_freed_memory();
}

bool is_better(const Tried& a, const Tried& b, double floor, double margin) {
  const auto holds = [&](const Tried& tried) { return floor <= 0 || tried.sqnr_db >= floor; };
  if (holds(a) != holds(b) && std::fabs(a.sqnr_db - b.sqnr_db) > margin) return holds(a);
  return a.mean_db > b.mean_db + margin;
}

backends::Runner& TrialBench::by_default() {
  if (!by_default_) by_default_ = reference_.impl().runner(FloatPrecision::by_default);
  return *by_default_;
}

backends::Runner& TrialBench::in_f32() {
  if (!reduced()) return by_default();
  if (!in_f32_) in_f32_ = reference_.impl().runner(FloatPrecision::f32);
  return *in_f32_;
}

void TrialBench::release() {
  by_default_.reset();
  in_f32_.reset();
  return_freed_memory();
}

void TrialBench::run_by_default() {
  by_default_outputs_ = outputs_of(by_default());
  precision_ = by_default().precision();
}

void TrialBench::run_in_f32() {
  float_outputs_ = reduced() ? outputs_of(in_f32()) : std::move(by_default_outputs_);
  judge_floats();
}

void TrialBench::judge_floats() {
  find_parts();
  float_db_ =
      reduced() ? decibels(by_default_outputs_) : std::vector<double>(judged_.size(), kInfinite);
}

void TrialBench::find_parts() {
  judged_ = search::output_parts(float_outputs_.size(),
                                 [&](size_t sample) { return float_outputs_.of(sample); });
  whole_.clear();
  for (const search::OutputPart& part : judged_)
    if (whole_.empty() || whole_.back().output != part.output) whole_.push_back({part.output});
}

void TrialBench::extend(std::span<const int64_t> more) {
  const size_t known = samples_.size();
  samples_.append(more);
  const auto run_more = [&](backends::Runner& runner, TrialOutputs& outputs) {
    for (size_t s = known; s < samples_.size(); ++s) outputs.push_back(runner.run(samples_[s]));
  };
  if (reduced()) run_more(in_f32(), float_outputs_);  // may be compiled still
  in_f32_.reset();
  run_more(by_default(), reduced() ? by_default_outputs_ : float_outputs_);
  release();
  judge_floats();
}

void TrialBench::run_both() {
  run_by_default();
  if (reduced()) release();
  run_in_f32();
  release();
}

TrialOutputs TrialBench::outputs_of(backends::Runner& runner) const {
  TrialOutputs outputs;
  for (size_t s = 0; s < samples_.size(); ++s) outputs.push_back(runner.run(samples_[s]));
  return outputs;
}

std::vector<double> TrialBench::decibels(const TrialOutputs& outputs) const {
  NoiseRows rows;
  for (size_t s = 0; s < outputs.size(); ++s)
    rows.push_back(noise_of(float_outputs_.of(s), outputs.of(s), judged_));
  std::vector<double> out;
  for (const search::OutputNoise& sum : over_samples(rows)) out.push_back(sum.decibels());
  return out;
}

Tried TrialBench::ran(Compiled quantized) const {
  Tried tried;
  tried.compiled = std::move(quantized);
  run_first(tried, samples_.size());
  return tried;
}

void TrialBench::run_first(Tried& tried, size_t count) const {
  for (size_t s = tried.outputs.size(); s < std::min(count, samples_.size()); ++s)
    tried.outputs.push_back(tried.compiled.runner().run(samples_[s]));
}

void TrialBench::try_on(Tried& tried, double floor) const {
  run_first(tried, kTrialSamples);
  tried.noise.clear();
  judge(tried);
  if (is_whole(tried) || tried.high_db < floor) return;
  run_first(tried, samples_.size());
  judge(tried);
}

void TrialBench::judge(Tried& tried) const {
  NoiseRows rows;  // of outputs as a whole
  for (size_t s = in_parts() ? 0 : tried.noise.size(); s < tried.outputs.size(); ++s) {
    const std::vector<Tensor> reference = float_outputs_.of(s), outputs = tried.outputs.of(s);
    if (s == tried.noise.size()) tried.noise.push_back(noise_of(reference, outputs, judged_));
    if (in_parts()) rows.push_back(noise_of(reference, outputs, whole_));
  }
  std::vector<double> each, low, high, whole;
  for (const search::OutputNoise& noise : over_samples(tried.noise)) {
    each.push_back(noise.decibels());
    low.push_back(noise.low_decibels());
    high.push_back(noise.high_decibels());
  }
  for (const search::OutputNoise& noise : over_samples(in_parts() ? rows : tried.noise))
    whole.push_back(noise.decibels());
  tried.sqnr_db = worst(each);
  tried.low_db = worst(low);
  tried.high_db = worst(high);
  tried.whole_db = worst(whole);
  log(LogLevel::debug, "trial run: {::.1f} dB on {} samples, on others {:.1f} to {:.1f} dB", each,
      tried.noise.size(), tried.low_db, tried.high_db);
  tried.mean_db = 0;
  for (double db : each)
    tried.mean_db += std::clamp(db, -10.0, 60.0) / static_cast<double>(each.size());
}

Tried TrialBench::tried(Compiled quantized) const {
  Tried out = ran(std::move(quantized));
  judge(out);
  return out;
}

std::vector<double> TrialBench::turns(backends::Runner& a, backends::Runner& b,
                                      double seconds) const {
  backends::Runner* runners[] = {&a, &b};
  return take_turns(runners, samples_.first(2), seconds).milliseconds;
}

void TrialBench::time_by_default(Tried& tried, double seconds) {
  const auto times = turns(tried.compiled.runner(), by_default(), seconds);
  tried.times = {times[0], times[1], reduced() ? 0 : times[1]};
}

void TrialBench::time_in_f32(Tried& tried, double seconds) {
  if (!reduced() || tried.times.quantized <= 0) return;
  const auto times = turns(tried.compiled.runner(), in_f32(), seconds);
  tried.times.in_f32 = times[1] * tried.times.quantized / times[0];
}

bool TrialBench::told_apart(const Tried& by_default) const {
  constexpr double kTellable = 6;  // dB; noise so far below changes a figure by less than one
  return !reduced() || worst(float_db_) > worst(decibels(by_default.outputs)) + kTellable;
}

TrialRun TrialBench::run(Tried& tried, double seconds, Tried* other) {
  TrialRun trial;
  trial.samples = static_cast<int64_t>(samples_.size());
  trial.precision = precision_;
  const Model& model = tried.compiled.model;
  Tried made;
  const auto in = [&](FloatPrecision precision) -> Tried& {
    if (!reduced() || tried.compiled.precision == precision) return tried;
    if (other == nullptr || other->compiled.precision != precision)
      made.compiled = Compiled(model, precision), other = &made;
    run_first(*other, samples_.size());
    return *other;
  };
  Tried& as_used = in(FloatPrecision::by_default);
  const std::vector<double> by_default = decibels(as_used.outputs);
  const std::vector<double> f32 = &as_used == &tried && told_apart(tried)
                                      ? by_default
                                      : decibels(in(FloatPrecision::f32).outputs);
  const std::vector<Agreement> agreement = agreement_of(float_outputs_, as_used.outputs);
  const std::vector<PortInfo> ports = model.impl().outputs();
  for (size_t i = 0; i < judged_.size(); ++i) {
    const size_t output = judged_[i].output;
    trial.outputs.push_back(
        {(output < ports.size() ? ports[output].name : fmt::format("output {}", output)) +
             judged_[i].suffix(),
         by_default[i], f32[i], float_db_[i], agreement.at(output).share()});
  }
  trial.sqnr_db = worst(by_default);
  trial.sqnr_f32_db = worst(f32);
  trial.float_sqnr_db = worst(float_db_);
  if (as_used.times.quantized <= 0 && seconds > 0) {
    time_by_default(as_used, 0.7 * seconds);
    if (reduced()) release();
    time_in_f32(as_used, 0.3 * seconds);
    release();
  }
  trial.milliseconds = as_used.times.quantized;
  trial.float_milliseconds = as_used.times.by_default;
  trial.float_f32_milliseconds = as_used.times.in_f32;
  return trial;
}

std::string TrialRun::summary(bool times) const {
  std::string text = fmt::format("{} on {} samples", text_of(sqnr_db), samples);
  if (precision != "f32")
    text += fmt::format(" ({} with floats in f32; {} by itself leaves {})", text_of(sqnr_f32_db),
                        precision, text_of(float_sqnr_db));
  for (const TrialOutput& output : outputs)
    if (output.agreement)
      text += fmt::format("; largest element of '{}' the same in {:.1f} %", output.name,
                          100 * *output.agreement);
  if (measured_db && std::fabs(*measured_db - sqnr_f32_db) > 1)
    text += fmt::format("; {} where quantizers are computed in floats", text_of(*measured_db));
  if (times && milliseconds > 0)
    text += fmt::format("; {:.2f} times as fast as the float model by default", speedup());
  if (times && milliseconds > 0 && precision != "f32")
    text += fmt::format(", {:.2f} times as fast as it in f32", speedup_over_f32());
  if (times && !why_not_faster.empty()) text += ": " + why_not_faster;
  return text;
}

std::string TrialRun::to_json(bool times) const {
  ordered_json json = {{"samples", samples},
                       {"unseen", unseen},
                       {"precision", precision},
                       {"sqnr_db", finite(sqnr_db)},
                       {"sqnr_f32_db", finite(sqnr_f32_db)},
                       {"float_sqnr_db", finite(float_sqnr_db)}};
  json["measured_db"] = measured_db ? finite(*measured_db) : ordered_json(nullptr);
  if (times) {
    json["milliseconds"] = milliseconds;
    json["float_milliseconds"] = float_milliseconds;
    json["float_f32_milliseconds"] = float_f32_milliseconds;
    if (!why_not_faster.empty()) json["why_not_faster"] = why_not_faster;
  }
  json["float_share"] = float_share;
  json["outputs"] = ordered_json::array();
  for (const TrialOutput& output : outputs) {
    ordered_json row = {{"name", output.name},
                        {"sqnr_db", finite(output.sqnr_db)},
                        {"sqnr_f32_db", finite(output.sqnr_f32_db)},
                        {"float_sqnr_db", finite(output.float_sqnr_db)}};
    if (output.agreement) row["agreement"] = *output.agreement;
    json["outputs"].push_back(std::move(row));
  }
  return json.dump(2);
}

}  // namespace eightbit
