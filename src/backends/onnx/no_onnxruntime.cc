// Stands in for the engine where ONNX Runtime's headers were missing at build time.
#include "backends/onnx/executor.h"
#include "backends/onnx/model.h"
#include "backends/onnx/ort/engine.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

[[noreturn]] void refuse() {
  fail<Unsupported>(
      "onnxruntime",
      "this build cannot run ONNX models. Install Debian's libonnxruntime-dev, or run "
      "tools/setup.sh, and build again");
}

}  // namespace

TensorTypes infer_types(const Content&) { return {}; }
std::vector<Tensor> evaluate(const Content&) { refuse(); }

std::unique_ptr<backends::Executor> make_executor(const OnnxModel&, backends::Measurement,
                                                  const backends::RunSettings&) {
  refuse();
}
std::unique_ptr<backends::Runner> make_runner(const OnnxModel&) { refuse(); }
std::unique_ptr<backends::Runner> make_timing_runner(const OnnxModel&) { refuse(); }
std::vector<std::unique_ptr<backends::Runner>> make_parallel_runners(const OnnxModel&) { refuse(); }

}  // namespace eightbit::onnx
