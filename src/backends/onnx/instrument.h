// From a Program to one ONNX model that computes nothing but the records.
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "backends/onnx/model.h"
#include "records/tensor_record.h"

namespace eightbit::onnx {

struct Instrumented {
  // Inputs of the original, then kBatch, then with probes kMeans; outputs: taps, then probes, then
  // comparisons.
  Content content;
  std::vector<std::shared_ptr<HistogramSink>> histograms;  // one a tap; null where none is counted
};

inline constexpr const char* kBatch = "eightbit.batch";  // i64[1]: items in a batch
// f32[all]: a row of Program::reference_means
inline constexpr const char* kMeans = "eightbit.means";

// `other`: program.other, or null.
Instrumented instrument(const OnnxModel& model, const backends::Program& program,
                        const OnnxModel* other);

}  // namespace eightbit::onnx
