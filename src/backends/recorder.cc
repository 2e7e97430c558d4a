#include "backends/recorder.h"

#include <algorithm>
#include <future>

#include "base/error.h"

namespace eightbit::backends {
RowRecorder::RowRecorder(const Measurement& measurement, int threads)
    : taps_(taps_of(measurement).begin(), taps_of(measurement).end()),
      probes_(probes_of(measurement).begin(), probes_of(measurement).end()),
      comparisons_(comparisons_of(measurement).begin(), comparisons_of(measurement).end()),
      pool_(threads) {
  for (const Tap& tap : taps_)
    sinks_.push_back(tap.histogram_count() > 0 ? std::make_shared<HistogramSink>() : nullptr);
  for (int64_t size : record_sizes(measurement)) {
    offsets_.push_back(width_);
    width_ += size;
  }
}

void RowRecorder::start(const RecordUnits& units, std::vector<const std::vector<float>*> means) {
  units_ = units;
  means_ = std::move(means);
  rows_.assign(units.size() * static_cast<size_t>(width_), 0.0f);
  received_ = 0;
}

std::span<const float> RowRecorder::row(size_t unit) const {
  const size_t wanted = offsets_.size();
  EIGHTBIT_CHECK(received_ == wanted, "a network handed over {} of {} values", received_, wanted);
  return {rows_.data() + static_cast<int64_t>(unit) * width_, static_cast<size_t>(width_)};
}

void RowRecorder::copy_to_all(int64_t offset, int64_t size) {
  for (size_t unit = 1; unit < units_.size(); ++unit)
    std::ranges::copy(place(0, offset, size), place(unit, offset, size).begin());
}

void RowRecorder::record(int32_t index, const float* data, std::span<const int64_t> shape) {
  const Tap& tap = taps_.at(static_cast<size_t>(index));
  const int64_t offset = offsets_[static_cast<size_t>(index)], size = tap.record_size();
  HistogramSink* sink = sinks_[static_cast<size_t>(index)].get();
  std::vector<std::future<void>> running;
  units_.split(shape, [&](size_t unit, int64_t first, std::span<const int64_t> own) {
    const auto reduce_one = [this, &tap, data, offset, size, sink, unit, first,
                             own = std::vector<int64_t>(own.begin(), own.end())] {
      record_tensor(tap, data + first, own, 1, place(unit, offset, size), sink);
    };
    if (units_.splits(shape))
      running.push_back(pool_.submit(reduce_one));
    else
      reduce_one();
  });
  for (auto& one : running) one.get();
  if (!units_.splits(shape)) copy_to_all(offset, size);
  ++received_;
}

Tensor RowRecorder::shift(int32_t index, const float* data, std::span<const int64_t> shape) {
  const BiasProbe& probe = probes_.at(static_cast<size_t>(index));
  const int64_t offset = offsets_[static_cast<size_t>(index)];
  int64_t first_mean = 0;
  for (int32_t i = 0; i < index; ++i) first_mean += probes_[static_cast<size_t>(i)].channels;
  const auto rows = static_cast<int64_t>(units_.splits(shape) ? units_.size() : 1);
  Tensor shifts = Tensor::allocate(DType::f32, {rows, probe.channels});
  auto* out = reinterpret_cast<float*>(shifts.mutable_data());
  units_.split(shape, [&](size_t unit, int64_t first, std::span<const int64_t> own) {
    const auto reference =
        std::span(*means_.at(unit))
            .subspan(static_cast<size_t>(first_mean), static_cast<size_t>(probe.channels));
    const auto row = place(unit, offset, probe.channels);
    std::ranges::copy(mean_shift(probe, reference, data + first, own), row.begin());
    std::ranges::copy(row, out + static_cast<int64_t>(unit) * probe.channels);
  });
  if (!units_.splits(shape)) copy_to_all(offset, probe.channels);
  ++received_;
  return shifts;
}

void RowRecorder::compare(int32_t index, const float* reference, const float* other,
                          std::span<const int64_t> shape) {
  const Comparison& comparison = comparisons_.at(static_cast<size_t>(index));
  const int64_t offset = offsets_[static_cast<size_t>(index)], size = comparison.record_size();
  if (comparison.axis != kNone)
    EIGHTBIT_CHECK(static_cast<size_t>(comparison.axis) < shape.size() &&
                       shape[static_cast<size_t>(comparison.axis)] == comparison.channels,
                   "{} channels along axis {} are compared, and the shape is {}",
                   comparison.channels, comparison.axis,
                   to_string(Shape(shape.begin(), shape.end())));
  units_.split(shape, [&](size_t unit, int64_t first, std::span<const int64_t> own) {
    record_difference(reference + first, other + first, own, comparison.axis,
                      place(unit, offset, size));
  });
  if (!units_.splits(shape)) copy_to_all(offset, size);
  ++received_;
}

}  // namespace eightbit::backends
