// Runs samples through a model: an instrumented copy of it, or as its users run it.
#pragma once

#include <memory>
#include <vector>

#include "backends/engine.h"

namespace eightbit::onnx {

class OnnxModel;

// Several runs at a time, each on one thread, so that records do not depend on the number of
// threads.
std::unique_ptr<backends::Executor> make_executor(const OnnxModel& model,
                                                  backends::Measurement measurement,
                                                  const backends::RunSettings& settings);

// See backends::Engine. ONNX Runtime computes floats as they are written, whatever the precision.
std::unique_ptr<backends::Runner> make_runner(const OnnxModel& model);
std::unique_ptr<backends::Runner> make_timing_runner(const OnnxModel& model);
// One a core, each on one thread.
std::vector<std::unique_ptr<backends::Runner>> make_parallel_runners(const OnnxModel& model);

}  // namespace eightbit::onnx
