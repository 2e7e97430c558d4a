// Statistics: what one pass over the data leaves behind. Enough to quantize with any recipe,
// device, preset, range estimator or ignored scope, without the data. Small, mergeable, tied to its
// model by a fingerprint.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/run.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace eightbit {

namespace records {
class StatisticsData;
}

// A handle: copying it copies a reference, and what is behind it never changes. The kept samples of
// the data are part of it, as they are: treat a file of it like the data.
class Statistics {
 public:
  Statistics() = default;
  explicit Statistics(std::shared_ptr<const records::StatisticsData> data)
      : data_(std::move(data)) {}

  // Throws FileError when the file cannot be read, DataError when it is truncated or damaged.
  static Statistics load(const std::filesystem::path& path);
  // Whole or not at all; an existing file is refused unless `overwrite`. Throws FileError. The
  // format: docs/statistics_file.md.
  void save(const std::filesystem::path& path, bool overwrite = false) const;
  // Joins shards of one calibration, to what one machine would have measured, byte for byte. The
  // order of the parts does not matter. Throws InvalidArgument when they come from different
  // models, points or data options, or overlap.
  static Statistics merge(std::span<const Statistics> parts);

  int64_t samples() const;  // measured: items of batches count one by one
  int64_t points() const;   // values of the graph that were measured
  // 16 hexadecimal digits, which change with topology, shapes and weights.
  std::string model_fingerprint() const;
  std::string summary() const;                     // some lines for people
  bool valid() const { return data_ != nullptr; }  // whether anything was measured
  // For the library itself.
  const records::StatisticsData& data() const;  // throws InvalidArgument when empty

 private:
  std::shared_ptr<const records::StatisticsData> data_;
};

// What statistics of this model have as model_fingerprint().
std::string fingerprint_of(const Model& model);

// The share of the data that this call measures: sample i belongs to shard i mod count, and the
// index is below the count.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
};

// Kept inputs with which any options make of statistics what they make of the data: twice as many
// as the most careful corrections run.
inline constexpr int64_t kInputsForAnyOptions = 128;

// What is measured. Everything that recipes, devices, presets and ignored scopes may need later is;
// what costs much is measured only where it is asked for here.
struct CalibrateOptions {
  // Samples, counted over all shards; fewer where the data ends. 0: until they settle; no shards.
  int64_t subset_size = 300;
  Shard shard;
  // Inputs of samples that are kept at least, evenly spread; as many as corrections may ask for are
  // in any case. With kInputsForAnyOptions careful corrections and tune() find as many as in data.
  int64_t kept_inputs = 0;
  // transformer: also what SmoothQuant needs. Unset: that is measured where there is attention.
  std::optional<ModelType> model_type;
  // Quantiles, for range estimators that read them.
  RangeEstimatorParameters activations_range_estimator_params;
};

// One pass over the data. Throws DataError for bad samples (named), Interrupted when stopped: with
// `run.checkpoint` the samples measured so far are kept and the same call resumes there.
Statistics calibrate(const Model& model, const Dataset& dataset,
                     const CalibrateOptions& options = {}, const RunOptions& run = {});

}  // namespace eightbit
