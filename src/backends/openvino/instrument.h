// From a measurement to one OpenVINO model that computes nothing but the records.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "backends/measurement.h"
#include "records/tensor_record.h"

namespace eightbit::openvino {

class OpenVinoModel;

struct Instrumented {
  // Inputs: those of the original, then the reference means of each probe, or each layer's error.
  // Outputs: taps, then probes, then comparisons.
  std::shared_ptr<ov::Model> model;
  // outputs that belong to the records, and those for run_one(), which follow; nobody reads
  // the others
  size_t results = 0, outputs = 0;
  std::vector<std::shared_ptr<HistogramSink>> histograms;  // one a tap; null where none is counted
};

Instrumented instrument(const OpenVinoModel& model, const backends::Measurement& measurement);

}  // namespace eightbit::openvino
