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

class Statistics {
 public:
  Statistics() = default;
  explicit Statistics(std::shared_ptr<const records::StatisticsData> data)
      : data_(std::move(data)) {}

  // Throws FileError when the file can not be read, DataError when it is truncated or damaged.
  static Statistics load(const std::filesystem::path& path);
  // Whole or not at all; an existing file is refused unless `overwrite`.
  void save(const std::filesystem::path& path, bool overwrite = false) const;
  // Joins shards of one calibration. The order of the parts does not matter. Throws InvalidArgument
  // when they come from different models, points or data options, or overlap.
  static Statistics merge(std::span<const Statistics> parts);

  int64_t samples() const;
  int64_t points() const;  // values of the graph that were measured
  std::string model_fingerprint() const;
  std::string summary() const;  // some lines for people
  bool valid() const { return data_ != nullptr; }
  const records::StatisticsData& data() const;  // throws InvalidArgument when empty

 private:
  std::shared_ptr<const records::StatisticsData> data_;
};

// Sample i belongs to shard i mod count.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
};

struct CalibrateOptions {
  int64_t subset_size = 300;  // samples, counted over all shards
  Shard shard;
  std::optional<ModelType> model_type;  // transformer: also what SmoothQuant needs
  // quantiles are measured only when asked for here
  RangeEstimatorParameters activations_range_estimator_params;
};

// One pass over the data. Throws DataError for bad samples (named), Interrupted when stopped: with
// `run.checkpoint` the samples measured so far are kept and the same call resumes there.
Statistics calibrate(const Model& model, const Dataset& dataset,
                     const CalibrateOptions& options = {}, const RunOptions& run = {});

}  // namespace eightbit
