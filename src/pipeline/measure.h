// The one pass over the data: samples in, statistics out.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/run.h>
#include <eightbit/statistics.h>

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/network.h"
#include "quant/plan.h"
#include "records/kept_samples.h"
#include "records/statistics_data.h"

namespace eightbit {

// What the first samples of a pass have shown, in seconds.
struct PassSpeed {
  double compiling = 0;  // of the programs that measure
  double sample = 0;     // of the one that most samples run through, as many at a time as will
  // samples; those that are kept run at the end, where layers are measured besides
  int64_t measured = 0, total = 0, kept = 0;
};
inline constexpr int64_t kTimedSamples = 17;

struct MeasureOptions {
  int64_t limit = 300;  // 0: until they have settled (records/settling.h)
  Shard shard;
  int64_t keep = 0;                          // sample inputs to keep for bias correction
  std::map<std::string, std::string> facts;  // what shards and a resumed run must agree on
  bool whole_batches = false;                // a batch is one sample, as recipe nncf counts
  // Called after kTimedSamples, where it is known how many there will be here. May throw.
  std::function<void(const PassSpeed& speed)> on_speed;
};

// `layers`: what is measured of the kept samples only, besides the points
// (algorithms/bias_correction.h). Throws DataError when there are no samples; see calibrate() in
// statistics.h for the rest.
records::StatisticsData measure(const backends::Network& model, std::vector<records::Point> points,
                                std::vector<records::Point> layers, const Dataset& dataset,
                                const MeasureOptions& options, const RunOptions& run);

// Logs the first value that held NaN or Inf.
void warn_about_bad_values(const records::StatisticsData& data);

// Hands out these of the kept samples, one after the other. `kept` must outlive what is returned.
std::function<std::optional<Sample>()> each_of(const records::KeptSamples& kept,
                                               std::vector<int64_t> numbers);

// Runs kept samples through the float model, for taps that gather what they see.
void run_kept(const backends::Network& model, const records::StatisticsData& statistics,
              std::span<const int64_t> numbers, const std::vector<Tap>& taps, std::string_view step,
              const RunOptions& run);

// One pass over kept samples through the planned network; see algorithms/bias_correction.h for
// `checked`. Nothing where the statistics lack what it needs.
std::optional<std::vector<BiasShift>> measure_bias_shifts(const backends::Network& model,
                                                          const records::StatisticsData& statistics,
                                                          const Plan& plan,
                                                          std::span<const int64_t> numbers,
                                                          bool checked, const RunOptions& run);

}  // namespace eightbit
