// Runs models as their users do, and tells how far they are from the float model.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/trial_run.h>

#include <memory>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "records/kept_samples.h"

namespace eightbit {

// Of the samples that were kept for corrections, some are set aside for the trial run.
struct SampleSplit {
  // numbers; the same ones where there are too few to split
  std::vector<int64_t> correction, trial;
  // more of the latter, where layers must be chosen by what they cost
  std::vector<int64_t> search;
  bool disjoint = true;
};
inline constexpr int64_t kTrialSamples = 8, kSearchSamples = 16;
// Up to `most` of these, evenly spread.
std::vector<int64_t> spread_over(const std::vector<int64_t>& numbers, int64_t most);
// `wanted`: samples that corrections ask for.
SampleSplit split_samples(const records::KeptSamples& kept, int64_t wanted);

// Signal and noise of one output over samples. Elements that are no numbers in the float model can
// not be judged.
class OutputNoise {
 public:
  void add(const Tensor& reference, const Tensor& other);
  double decibels() const;

 private:
  double signal_ = 0, noise_ = 0;
};

// The outputs of a model on the samples of a trial.
using TrialOutputs = std::vector<std::vector<Tensor>>;

// A quantized model that is ready to run.
struct Compiled {
  Model model;
  std::unique_ptr<backends::Runner> runner;
  backends::FloatPrecision precision = backends::FloatPrecision::by_default;
};
Compiled compiled(Model quantized, backends::FloatPrecision precision);

// A quantized model that was run.
struct Tried {
  Compiled compiled;
  TrialOutputs outputs;
  double sqnr_db = 0;  // of the worst output; infinite where there is no float output
  // over outputs, each between -10 and 60: what to choose by where no floor decides
  double mean_db = 0;
};

class TrialBench {
 public:
  // Runs the float model. Throws ModelError where the runtime can not compile it.
  TrialBench(const Model& reference, std::vector<Sample> samples);

  Tried tried(Compiled quantized) const;
  Tried tried(Model quantized, backends::FloatPrecision precision) const {
    return tried(compiled(std::move(quantized), precision));
  }
  // By the runtime's defaults, and in f32 where the noise of other floats could be taken for that
  // of integers. All models then take turns for about `seconds`.
  TrialRun run(Tried& tried, double seconds) const;

  const std::vector<Sample>& samples() const { return samples_; }
  // Of the float model, by sample and output in floats: sums of squares.
  std::vector<std::vector<double>> signals() const;
  bool reduced() const { return precision_ != "f32"; }
  // The float model by default.
  backends::Runner& float_runner() const { return *by_default_; }

 private:
  TrialOutputs outputs_of(backends::Runner& runner) const;
  std::vector<double> decibels(const TrialOutputs& outputs) const;
  void time(backends::Runner& quantized, double seconds, TrialRun& trial) const;

  const Model& reference_;
  std::vector<Sample> samples_;
  // of the float model; the second where it differs
  std::unique_ptr<backends::Runner> by_default_, in_f32_;
  std::string precision_ = "f32";
  TrialOutputs float_outputs_;    // in f32
  std::vector<double> float_db_;  // of each output, by default
  std::vector<size_t> judged_;    // outputs in floats
};

}  // namespace eightbit
