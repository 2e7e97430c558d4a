// The pass over the samples of a calibration: those that a feed hands out, or those that are given
// by somebody who waits for the outputs.
//
// Two executors measure: most samples run through the plain one; those that are kept for bias
// correction through one that also gives the means of every layer, which costs it fusions. A model
// with states must see all samples in order: there the detailed program runs them all.
#pragma once

#include <eightbit/run.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backends/network.h"
#include "pipeline/feed.h"
#include "pipeline/measure.h"
#include "records/settling.h"
#include "records/statistics_data.h"

namespace eightbit {

void report_progress(const RunOptions& run, std::string_view step, int64_t done, int64_t total);

// Of checkpoints: Settling::state().
inline constexpr const char* kSettlingFact = "settling";

class MeasuringPass {
 public:
  // `model` and `run` must outlive it. With a feed of given samples nothing is compiled yet.
  MeasuringPass(const backends::Network& model, records::StatisticsData data, Feed feed,
                bool whole_batches, const RunOptions& run);

  // See MeasureOptions.
  void set_on_speed(std::function<void(const PassSpeed&)> on_speed) {
    on_speed_ = std::move(on_speed);
  }

  // All samples of the feed.
  records::StatisticsData finish();

  // One sample that is given: its outputs, computed in f32. Once as many are measured as are
  // wanted, nothing but that. Throws DataError for what does not fit the model; nothing is measured
  // then.
  std::vector<Tensor> observe(const Sample& sample);
  // No more will be given.
  records::StatisticsData finish_observing();

  int64_t samples() const;  // measured or kept so far

 private:
  using Clock = std::chrono::steady_clock;

  backends::RunSettings settings() const;
  backends::Taps plain_taps() const { return {data_.taps()}; }
  backends::Taps detailed_taps() const;
  void compile(bool more);
  void compile_detailed();
  void compile_for_observing();
  void segment();
  void take(std::span<const float> record);
  void add(int64_t number, std::span<const float> record);
  int64_t numbered(std::span<const float> record);
  std::vector<float> joined(const std::vector<std::vector<float>>& items) const;
  std::span<const float> points_of(std::span<const float> record) const {
    return record.first(static_cast<size_t>(taps_));
  }
  std::span<const float> layers_of(std::span<const float> record) const {
    return record.subspan(static_cast<size_t>(taps_));
  }
  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record);
  void report();
  void tell_time();
  void forget_given_up();
  void run_kept();
  void remember_histograms();
  void add_kept(int64_t first, const std::vector<std::vector<float>>& items);
  void collect();
  void checkpoint();
  Clock::duration until_next_checkpoint() const;
  void look_whether_settled();
  void pause();
  std::vector<Tensor> run_given(const Sample& sample);
  std::vector<Tensor> measure_one(const Sample& sample);
  std::vector<Tensor> unobserved(const Sample& sample);
  void complete();

  const backends::Network& model_;
  records::StatisticsData data_;
  Feed feed_;
  const RunOptions& run_;
  int64_t taps_ = 0;  // floats of a record that belong to the points
  bool whole_batches_ = false;
  bool detailed_later_ = false;              // once the plain program has gone
  std::vector<std::vector<float>> pending_;  // items of the batch that is being recorded
  std::vector<float> joined_;
  std::unique_ptr<backends::Executor> plain_, detailed_;
  std::unique_ptr<backends::Runner> runner_;  // of samples that are given and not measured at once
  std::vector<std::vector<Histogram>> earlier_;
  std::vector<int64_t> started_;  // numbers of the samples that the present program has begun
  std::exception_ptr stopped_;    // by the caller's progress callback
  std::optional<records::Settling> settling_;  // where the data decides how many are enough
  std::function<void(const PassSpeed&)> on_speed_;
  double compiling_ = 0;  // seconds
  int64_t measured_ = 0;  // by this run
  Clock::time_point first_measured_;
  Clock::time_point saved_ = Clock::now();
  Clock::duration saving_{};  // of the last checkpoint
};

}  // namespace eightbit
