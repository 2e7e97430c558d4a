// From a Program to one OpenVINO model that computes nothing but the records.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "backends/backend.h"
#include "backends/openvino/measure_op.h"
#include "backends/openvino/reader.h"

namespace eightbit::openvino {

struct Instrumented {
  // Inputs: those of the original, then the reference means of each probe, then each switch.
  // Outputs: taps, then probes, then comparisons.
  std::shared_ptr<ov::Model> model;
  // outputs that belong to the records; nobody reads the others
  size_t results = 0;
  std::vector<std::shared_ptr<HistogramSink>> histograms;  // one a tap; null where none is counted
};

// `other`, `other_reading`: program.other and its reading, or null.
Instrumented instrument(const ov::Model& model, const Reading& reading,
                        const backends::Program& program, const ov::Model* other,
                        const Reading* other_reading);

}  // namespace eightbit::openvino
