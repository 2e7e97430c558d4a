// Which layers of a quantized model hurt, why, and what to do about it: as JSON, and as one HTML
// page that opens offline.
#pragma once

#include <eightbit/compare.h>
#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/run.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace eightbit {

// What most of a layer's own quantization noise comes from: its rounded weight; values cut off at
// the ends of an input's range; the width of the steps between them; one channel that is so wide
// that the others share few levels; a mean that moved, the same for all samples. none: the layer
// was not measured, or makes too little noise to ask.
enum class Cause { none, weight, clipping, rounding, outlier_channel, bias_shift };
// "none", "weight", "clipping", "rounding", "outlier channel", "bias shift"
std::string_view to_string(Cause);

// A quantizer in front of a layer, and what it met. Values and ranges have the unit of the value,
// shares lie between 0 and 1, errors are per value and relative to the mean square of the value, so
// that 0.01 are 20 dB of signal to noise.
struct InputQuantizer {
  std::string value;         // what is quantized
  double low = 0, high = 0;  // the outermost ends where channels have ranges of their own
  int levels = 0;            // how many numbers the quantizer knows: 256 for 8 bits
  int64_t ranges = 1;        // more than 1: one a channel
  double min = 0, max = 0;   // that the value took
  double clipped = 0;        // share of values outside of the range
  // Expected squared error of cutting values off at the ends of the range.
  double clipping_error = 0;
  // Of rounding those inside of it: about the square of the step over 12.
  double rounding_error = 0;
  // The rounding error if the range took in everything.
  double unclipped_error = 0;
  // How many times smaller the rounding error with a range from min to max would be.
  double asymmetric_gain = 1;
  // The same with a range for each channel.
  double channel_gain = 1;
  int64_t widest_channel = -1;  // of `channels`; -1: not known
  int64_t channels = 0;
  // Histogram: the shares of all values in bars of one width from histogram_low to histogram_high.
  double histogram_low = 0, histogram_high = 0;
  std::vector<double> shares;
};

// Something to try: in words, and ready to be pasted, as keywords of quantize() in Python and as
// flags of the command line.
struct Fix {
  std::string text, python, flags;
  bool empty() const { return text.empty(); }
};

// A layer that is quantized, or that could be and stays in float.
struct LayerReport {
  std::string name, type;
  int64_t position = 0;  // among the layers, in the order of the model
  bool quantized = false;
  // what could not be measured, and why; or why it stays in float
  std::string note;
  // Signal to noise at the output, in dB; empty where not measured, infinite where nothing differs.
  std::optional<double> alone_db;          // this layer alone is quantized
  std::optional<double> weights_alone_db;  // its weights alone
  std::optional<double> accumulated_db;    // the whole model is, as the runtime executes it
  // Share of its own noise that is the same for all samples, by channel. Where biases were
  // corrected, that noise is assumed to be gone: it counts neither here nor in the figures above.
  double bias_shift = 0;
  // The largest part of the noise of this layer alone.
  Cause cause = Cause::none;
  std::string why;  // the cause in words, with its numbers
  Fix fix;
  Fix leave_out;  // the same layer in floating point
  // that the runtime executed; empty where it does not tell
  std::string precision, precision_before;
  // Of the quantized model and of the float one, for one sample.
  std::optional<double> milliseconds, milliseconds_before;
  // the layer that it was fused into, where that has another name
  std::string executed_in;
  int64_t weight_bytes_before = 0;  // of its float weight; 0 where it has none
  std::vector<InputQuantizer> inputs;
};

// The float model by itself, so that a broken model or loader is not blamed on quantization:
// outputs in floats that are not finite, one number everywhere, or the same for all samples.
struct FloatCheck {
  int64_t samples = 0;
  std::vector<std::string> problems;  // empty: none was found
};

// What report() found.
struct ModelReport {
  std::string version;  // of eightbit
  std::string backend;
  int64_t samples = 0;  // that layers were measured on
  FloatCheck float_check;
  std::vector<LayerDifference> outputs;
  // share of samples whose largest output is the same; one float output only
  std::optional<double> agreement;
  std::vector<LayerReport> layers;  // worst first
  std::vector<Fix> fixes;           // for the model as a whole, most promising first
  std::vector<std::string> notes;
  double milliseconds = 0, milliseconds_before = 0;  // all layers of one sample
  int64_t bytes = 0, bytes_before = 0;               // of stored constants

  std::string to_json() const;
  // Throws Unsupported where this build has no chart library.
  std::string to_html() const;
  // By extension: .html or .json. Whole or not at all. Throws InvalidArgument for another one,
  // FileError.
  void save(const std::filesystem::path& path, bool overwrite = false) const;
};

// Measures both models on up to `subset_size` samples, best of data that calibration did not see.
// Any quantized model will do whose layers keep their names, also one of another tool. Throws as
// compare() does.
ModelReport report(const Model& reference, const Model& quantized, const Dataset& dataset,
                   int64_t subset_size = 100, const RunOptions& run = {});

}  // namespace eightbit
