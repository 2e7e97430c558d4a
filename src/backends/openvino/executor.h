// Runs samples through a model: an instrumented copy of it, or as its users run it.
#pragma once

#include <memory>
#include <vector>

#include "backends/engine.h"

namespace eightbit::openvino {

class OpenVinoModel;

// Inference is in f32, with as many streams as threads and one thread a stream, so that records do
// not depend on the number of threads.
std::unique_ptr<backends::Executor> make_executor(const OpenVinoModel& model,
                                                  backends::Measurement measurement,
                                                  const backends::RunSettings& settings);

// See backends::Engine.
std::unique_ptr<backends::Runner> make_runner(const OpenVinoModel& model,
                                              backends::FloatPrecision precision,
                                              bool times_layers = false);
std::vector<std::unique_ptr<backends::Runner>> make_parallel_runners(const OpenVinoModel& model);

}  // namespace eightbit::openvino
