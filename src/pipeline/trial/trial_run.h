// Runs models as their users do, and tells how far they are from the float model.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/trial_run.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backends/network.h"
#include "pipeline/trial/trial_outputs.h"
#include "records/kept_samples.h"
#include "search/output_parts.h"

namespace eightbit {

// Of the samples that were kept for corrections, some are set aside for the trial run.
struct SampleSplit {
  // numbers; the same ones where there are too few to split
  std::vector<int64_t> correction, trial;
  // the latter, and more behind them, where it is close or layers must be chosen by what they cost
  std::vector<int64_t> search;
  bool disjoint = true;
};
inline constexpr int64_t kTrialSamples = 8, kSearchSamples = 32;
// How many to keep, so that corrections get what they ask for and the rest serves trials.
inline int64_t kept_with_trial(int64_t wanted) { return wanted + kSearchSamples; }
// Up to `most` of these, evenly spread.
std::vector<int64_t> spread_over(const std::vector<int64_t>& numbers, int64_t most);
// `wanted`: samples that corrections ask for.
SampleSplit split_samples(const records::KeptSamples& kept, int64_t wanted);

// Noise over signal.
double energy_of(double decibels);

// Samples of a trial, in this order: on disk, and read when they are run. `kept` must outlive them.
class TrialSamples {
 public:
  TrialSamples(const records::KeptSamples& kept, std::vector<int64_t> numbers)
      : kept_(&kept), numbers_(std::move(numbers)) {}

  void append(std::span<const int64_t> more) {
    numbers_.insert(numbers_.end(), more.begin(), more.end());
  }
  size_t size() const { return numbers_.size(); }
  Sample operator[](size_t i) const { return kept_->load(numbers_[i]); }
  // Up to so many of them.
  std::vector<Sample> first(size_t count) const;

 private:
  const records::KeptSamples* kept_;
  std::vector<int64_t> numbers_;
};

// A quantized model that is ready to run.
class Compiled {
 public:
  Compiled() = default;
  Compiled(Model quantized, backends::FloatPrecision floats)
      : model(std::move(quantized)), precision(floats), runner_(model.impl().runner(precision)) {}

  // Compiled again where it was released.
  backends::Runner& runner();
  void release();

  Model model;
  backends::FloatPrecision precision = backends::FloatPrecision::by_default;

 private:
  std::unique_ptr<backends::Runner> runner_;
};

// Milliseconds of a quantized model and of the float model beside it; 0: not measured.
struct TrialTimes {
  double quantized = 0, by_default = 0, in_f32 = 0;
};

// By sample, of each part.
using NoiseRows = std::vector<std::vector<search::OutputNoise>>;
// Of each part, over samples.
std::vector<search::OutputNoise> over_samples(const NoiseRows& rows);

// A quantized model that was run.
struct Tried {
  Compiled compiled;
  TrialOutputs outputs;
  NoiseRows noise;     // of the samples that it was judged on
  double sqnr_db = 0;  // of the worst part; infinite where there is no float output
  // what it may come to on other samples (search/output_parts.h)
  double low_db = 0, high_db = 0;
  double whole_db = 0;  // of the worst output, as a whole
  // over parts, each between -10 and 60: what to choose by where no floor decides
  double mean_db = 0;
  TrialTimes times;
};

// Whether `a` holds the floor where `b` does not (0: there is none), or else has more than `margin`
// dB above it over all parts.
bool is_better(const Tried& a, const Tried& b, double floor, double margin = 0);

// The float model, and quantized ones beside it. Compiled models are large: the float model lives
// only while it is run or timed, by the runtime's defaults and then in f32.
class TrialBench {
 public:
  TrialBench(const Model& reference, TrialSamples samples)
      : reference_(reference), samples_(std::move(samples)) {}

  // Both in this order, before anything is judged. Throw ModelError where the runtime cannot
  // compile the float model.
  void run_by_default();
  void run_in_f32();
  void run_both();
  // More samples behind those that there are: runs the float model on these, which must have no
  // states.
  void extend(std::span<const int64_t> more);

  // Outputs alone, and what they are worth.
  Tried ran(Compiled quantized) const;
  void judge(Tried& tried) const;
  Tried tried(Compiled quantized) const;
  Tried tried(Model quantized, backends::FloatPrecision precision) const {
    return tried(Compiled(std::move(quantized), precision));
  }
  // On the first samples alone where these leave no hope for the floor. Also of one that was run
  // before, on fewer samples or for other parts of its outputs.
  void try_on(Tried& tried, double floor) const;
  bool is_whole(const Tried& tried) const { return tried.outputs.size() == samples_.size(); }
  // The models take turns for about `seconds`. Only of a model that was compiled by the runtime's
  // defaults; the second does nothing where these are f32, and needs the first.
  void time_by_default(Tried& tried, double seconds);
  void time_in_f32(Tried& tried, double seconds);

  // By the runtime's defaults, and in f32 unless told_apart(); with times, for about `seconds`
  // where there are none yet; 0: without. `other`: null, or the same model in the other precision,
  // as far as it was run.
  TrialRun run(Tried& tried, double seconds, Tried* other = nullptr);
  // Whether the noise of floats in less than f32, which a model is by default, is so small that it
  // is not taken for that of integers.
  bool told_apart(const Tried& by_default) const;

  const TrialSamples& samples() const { return samples_; }
  // What is judged one by one.
  const std::vector<search::OutputPart>& parts() const { return judged_; }
  bool in_parts() const { return judged_.size() > whole_.size(); }
  bool reduced() const { return precision_ != "f32"; }
  // The float model, compiled where it is not; and compiled no longer.
  backends::Runner& by_default();
  backends::Runner& in_f32();
  void release();

 private:
  TrialOutputs outputs_of(backends::Runner& runner) const;
  void find_parts();
  void judge_floats();
  // Runs up to so many samples, those that it has not run.
  void run_first(Tried& tried, size_t count) const;
  std::vector<double> decibels(const TrialOutputs& outputs) const;
  std::vector<double> turns(backends::Runner& a, backends::Runner& b, double seconds) const;

  const Model& reference_;
  TrialSamples samples_;
  std::unique_ptr<backends::Runner> by_default_, in_f32_;
  std::string precision_ = "f32";
  TrialOutputs by_default_outputs_, float_outputs_;  // the latter in f32
  std::vector<double> float_db_;                     // of each part, by default
  std::vector<search::OutputPart> judged_, whole_;   // the latter: outputs in floats
};

}  // namespace eightbit
