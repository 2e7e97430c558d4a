// Runs samples through an instrumented copy of a model.
#pragma once

#include <memory>

#include "backends/backend.h"

namespace eightbit::openvino {

class OpenVinoModel;

// Compiles `program`. The model must outlive the executor.
// Inference is in f32, with as many streams as threads and one thread a stream, so that records do
// not depend on the number of threads.
std::unique_ptr<backends::Executor> make_executor(const OpenVinoModel& model,
                                                  const backends::Program& program);

}  // namespace eightbit::openvino
