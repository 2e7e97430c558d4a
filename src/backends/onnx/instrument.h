// From a measurement to one ONNX model that computes nothing but the records.
#pragma once

#include <memory>
#include <vector>

#include "backends/measurement.h"
#include "backends/onnx/model.h"
#include "records/tensor_record.h"

namespace eightbit::onnx {

struct Instrumented {
  // Inputs of the original, then kBatch, then with probes kMeans, or an error for each layer that
  // takes one; outputs: taps, then probes, then comparisons, then errors of layers, or those of the
  // original where they are wanted.
  Content content;
  std::vector<std::shared_ptr<HistogramSink>> histograms;  // one a tap; null where none is counted
  size_t outputs = 0;                                      // behind the records
};

inline constexpr const char* kBatch = "eightbit.batch";  // i64[1]: items in a batch
// f32[all]: a row of Probes::reference_means
inline constexpr const char* kMeans = "eightbit.means";

// Throws Unsupported for switches, and for another network that is not of ONNX.
Instrumented instrument(const OnnxModel& model, const backends::Measurement& measurement);

}  // namespace eightbit::onnx
