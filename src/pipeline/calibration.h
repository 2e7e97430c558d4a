// What a calibration on its own measures: everything that any recipe may want to know later.
#pragma once

#include <eightbit/statistics.h>

#include <string_view>
#include <vector>

#include "backends/network.h"
#include "pipeline/measure.h"
#include "records/statistics_data.h"

namespace eightbit {

// Throws InvalidArgument, with `where` in front.
void check(const CalibrateOptions& options, std::string_view where);

struct Calibration {
  std::vector<records::Point> points, layers;  // see measure()
  MeasureOptions measured;
};
Calibration calibration_of(const backends::Network& model, const CalibrateOptions& options);

}  // namespace eightbit
