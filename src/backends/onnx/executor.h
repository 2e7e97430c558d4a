// Runs samples through an instrumented copy of a model.
#pragma once

#include <memory>

#include "backends/backend.h"

namespace eightbit::onnx {

class OnnxModel;

// Several runs at a time, each on one thread, so that records do not depend on the number of
// threads.
std::unique_ptr<backends::Executor> make_executor(const OnnxModel& model,
                                                  const backends::Program& program);

}  // namespace eightbit::onnx
