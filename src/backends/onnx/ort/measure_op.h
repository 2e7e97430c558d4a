// Operators of our own in ONNX Runtime, of the domain "eightbit": they reduce a tensor to its
// record where it appears, so that raw activations never leave the runtime.
//
//   Reduce(value f32, batch i64[1]) {tap}                  -> f32 [batch, record_size]
//   Fold(records f32 [.., record_size]) {tap}              -> f32 [1, record_size]: one record of
//   those of all iterations
//   Difference(reference f32, other f32)                   -> f32 [1, 4]: signal, noise, dot, power
//   MeanShift(value f32, means f32[all]) {axis, first, channels, relu} -> value + shift, shift f32
//   [channels];
//     shift: means[first, first + channels) minus the mean of `value` over all axes but `axis`
#pragma once

#include <memory>
#include <vector>

#include "backends/onnx/ort/runtime.h"
#include "records/tap.h"
#include "records/tensor_record.h"

namespace eightbit::onnx {

inline constexpr const char* kMeasureDomain = "eightbit";

// The operators for one session, which it must outlive. Attribute `tap` counts within `taps`.
class MeasureOperators {
 public:
  // `sinks`: one a tap; null where nothing is counted.
  MeasureOperators(std::vector<Tap> taps, std::vector<std::shared_ptr<HistogramSink>> sinks);
  ~MeasureOperators();

  OrtCustomOpDomain* domain() { return domain_; }

 private:
  struct Operators;
  std::unique_ptr<Operators> operators_;
  Ort::CustomOpDomain domain_{nullptr};
};

}  // namespace eightbit::onnx
