// Options that do nothing in a run: another option switches off what they concern, or model, data
// and target have no place for it. An option that asks for what happens anyway (a default, 8 bits,
// "off" for what is off) is none.
#pragma once

#include <eightbit/options.h>
#include <eightbit/statistics.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

struct NoEffect {
  std::string option;  // its name in JSON, with a dot for nesting
  std::string cause;
  // something else will happen than was asked for: refused, not only reported
  bool contradicts = false;

  std::string text() const;  // "overflow_fix has no effect: ..."
};

// What can be said from the options alone.
std::vector<NoEffect> without_effect(const QuantizeOptions& options);

// What a run on a model has a place for.
struct RunFacts {
  bool weights = true;              // some weight is quantized
  bool activations = true;          // some activation is quantized
  bool overflowing_weights = true;  // some 8-bit weight whose products are added in pairs
  bool outputs = true;              // quantize_outputs changes the plan
  bool branches = true;             // quantizer_propagation_rule changes the plan
  bool convolution_pairs = true;    // two convolutions that channel alignment can align
  bool smooth_convolutions = true, smooth_products = true;  // layers that SmoothQuant takes
  std::optional<int64_t> measured;  // samples of statistics that take the place of data
  bool sample_inputs = true;        // inputs to run bias correction on
};

std::vector<NoEffect> without_effect(const QuantizeOptions& options, const RunFacts& facts);

// Where models are judged by something else than a trial run (`tune`, accuracy control), what
// decides by one is refused. Throws InvalidArgument; `where`: who judges, and begins the message.
void refuse_trial_options(const QuantizeOptions& options, std::string_view where);

// `calibrate` keeps the quantiles that an estimator reads; the rest is in every statistics file.
std::vector<NoEffect> without_effect(const CalibrateOptions& options);

// Throws InvalidArgument as validate(QuantizeOptions) does.
void validate(const CalibrateOptions& options);

}  // namespace eightbit
