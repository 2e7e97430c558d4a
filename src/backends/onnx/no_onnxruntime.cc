// Stands in for the engine where ONNX Runtime's headers were missing at build time.
#include "backends/onnx/engine.h"
#include "backends/onnx/executor.h"
#include "backends/onnx/model.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

[[noreturn]] void refuse() {
  fail<Unsupported>(
      "onnxruntime",
      "this build can not run ONNX models. Install Debian's libonnxruntime-dev, or run "
      "tools/setup.sh, and build again");
}

}  // namespace

TensorTypes infer_types(const Content&) { return {}; }
std::vector<Tensor> evaluate(const Content&) { refuse(); }

std::unique_ptr<backends::Executor> make_executor(const OnnxModel&, const backends::Program&) {
  refuse();
}
std::unique_ptr<backends::Runner> OnnxModel::runner(backends::FloatPrecision) const { refuse(); }
std::unique_ptr<backends::Runner> OnnxModel::timing_runner(backends::FloatPrecision) const {
  refuse();
}
std::vector<double> OnnxModel::latencies(const Sample&, double) const { refuse(); }
double OnnxModel::throughput(const Sample&, double) const { refuse(); }

}  // namespace eightbit::onnx
