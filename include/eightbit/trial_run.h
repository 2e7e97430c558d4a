// What a user of the result gets: the quantized model, run on a few kept samples by the runtime's
// defaults, beside the float model. See docs/trial_run.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eightbit {

// An output in floats of both models, over the samples of the trial run.
struct TrialOutput {
  std::string name;
  // 10 log10(sum float^2 / sum (float - quantized)^2) over the samples, the float model computing
  // in f32. Infinite where nothing differs; minus infinite where the quantized model yields NaN or
  // Inf and the float model does not.
  double sqnr_db = 0;        // the quantized model by the runtime's defaults
  double sqnr_f32_db = 0;    // the quantized model with what is in floats computed in f32
  double float_sqnr_db = 0;  // the float model by the runtime's defaults: what bf16 alone costs
  // Share of the items whose largest element is the same; for outputs that look like scores of
  // classes.
  std::optional<double> agreement;
};

// What the trial run measured. Times and precisions are those of this machine.
struct TrialRun {
  int64_t samples = 0;
  // by the corrections; else there were too few samples to set some aside
  bool unseen = true;
  std::string precision = "f32";  // that the runtime computes floats in by default
  // Those in floats, in the model's order. One that holds quantities of two magnitudes, as boxes
  // and scores, is two rows, with the channels behind its name: "y[:, 0:4]".
  std::vector<TrialOutput> outputs;
  // Of the worst row, as above.
  double sqnr_db = 0, sqnr_f32_db = 0, float_sqnr_db = 0;
  // The same where the quantizers are computed in floats, one by one, as calibration computes them.
  // Set where the trial run gave cause to ask: a difference is the runtime's.
  std::optional<double> measured_db;
  // Of one sample, all cores: the least over a few runs that take turns, averaged over samples. 0:
  // not measured.
  double milliseconds = 0, float_milliseconds = 0, float_f32_milliseconds = 0;
  // Of the multiplications in layers with weights and in products: those that could run in 8 bits
  // and stay in float.
  double float_share = 0;
  // Where the quantized model is not faster than the float model by default: what its time goes
  // into, and what would help.
  std::string why_not_faster;

  double speedup() const { return milliseconds > 0 ? float_milliseconds / milliseconds : 0; }
  double speedup_over_f32() const {
    return milliseconds > 0 ? float_f32_milliseconds / milliseconds : 0;
  }
  // "24.6 dB on 8 samples; largest element the same in 97.5 %; 1.48 times as fast as the float
  // model by default". Without times the same on every run of a machine.
  std::string summary(bool times = true) const;
  std::string to_json(bool times = true) const;
};

}  // namespace eightbit
