// Turns the tensors that a framework of its own hands over in a run into rows of records, one a
// unit.
#pragma once

#include <eightbit/external.h>

#include <memory>
#include <vector>

#include "backends/measurement.h"
#include "backends/record_units.h"
#include "base/thread_pool.h"
#include "records/tensor_record.h"

namespace eightbit::backends {

class RowRecorder final : public external::Recorder {
 public:
  RowRecorder(const Measurement& measurement, int threads);

  // Before a run: its units, and for each the float means that probes compare with.
  void start(const RecordUnits& units, std::vector<const std::vector<float>*> means);
  // The record of a unit, once the run is over. Throws InternalError where the network has left
  // something out.
  std::span<const float> row(size_t unit) const;
  std::vector<std::vector<Histogram>> histograms() const { return counts_of(sinks_); }

  void record(int32_t tap, const float* data, std::span<const int64_t> shape) override;
  Tensor shift(int32_t probe, const float* data, std::span<const int64_t> shape) override;
  void compare(int32_t comparison, const float* reference, const float* other,
               std::span<const int64_t> shape) override;

 private:
  std::span<float> place(size_t unit, int64_t offset, int64_t size) {
    return {rows_.data() + static_cast<int64_t>(unit) * width_ + offset, static_cast<size_t>(size)};
  }
  void copy_to_all(int64_t offset, int64_t size);

  std::vector<Tap> taps_;
  std::vector<BiasProbe> probes_;
  std::vector<Comparison> comparisons_;
  std::vector<int64_t> offsets_;  // in a row: of taps, or probes, or comparisons
  std::vector<std::shared_ptr<HistogramSink>> sinks_;
  int64_t width_ = 0;
  RecordUnits units_;
  std::vector<const std::vector<float>*> means_;
  std::vector<float> rows_;
  size_t received_ = 0;
  ThreadPool pool_;
};

}  // namespace eightbit::backends
