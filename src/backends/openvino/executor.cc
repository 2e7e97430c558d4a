#include "backends/openvino/executor.h"

#include <algorithm>
#include <deque>
#include <openvino/runtime/core.hpp>
#include <openvino/runtime/intel_cpu/properties.hpp>
#include <openvino/runtime/properties.hpp>
#include <thread>

#include "backends/openvino/binding.h"
#include "backends/openvino/core.h"
#include "backends/openvino/instrument.h"
#include "backends/openvino/model.h"
#include "base/error.h"

namespace eightbit::openvino {
namespace {

// One thread a stream: how the runtime splits the work of one inference must not reach the records.
// FakeQuantize is computed in float, so that corrections do not depend on the integer kernels of
// this machine. Kernels that are generated for chains of elementwise ops do not pay for a few dozen
// inferences: without them, a network full of FakeQuantize compiles twice as fast, and runs no
// slower. Where two networks that share values run side by side, OpenVINO 2026.4 comes to wrong
// results without them.
ov::AnyMap stream_options(const backends::Program& program, bool sequential) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int count = sequential ? 1 : program.threads > 0 ? program.threads : cores;
  ov::AnyMap options = compile_options(count);
  options.insert(ov::num_streams(count));
  if (!program.integer_arithmetic) options.insert({"LP_TRANSFORMS_MODE", "NO"});
  if (program.comparisons.empty()) options.insert({"SNIPPETS_MODE", "DISABLE"});
  return options;
}

class OpenVinoExecutor : public backends::Executor {
 public:
  OpenVinoExecutor(const OpenVinoModel& model, const backends::Program& program,
                   Instrumented instrumented)
      : model_(model),
        binding_(*model.native()),
        program_(program),
        instrumented_(std::move(instrumented)) {
    compiled_ = compiled_for_cpu(instrumented_.model, stream_options(program, model.stateful()));
    const size_t streams =
        model.stateful() ? 1 : static_cast<size_t>(compiled_.get_property(ov::num_streams).num);
    for (size_t i = 0; i < (model.stateful() ? 1 : streams + 1); ++i)
      requests_.push_back({compiled_.create_infer_request(), {}, 0, false});
  }

  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) override {
    std::exception_ptr error;
    try {
      for (size_t turn = 0;; turn = (turn + 1) % requests_.size()) {
        std::optional<Sample> sample = next();
        collect(requests_[turn], record);
        if (!sample) break;
        start(requests_[turn], *sample);
        oldest_ = (turn + 1) % requests_.size();
      }
    } catch (...) {
      error = std::current_exception();
    }
    finish(record, error);
    if (error) std::rethrow_exception(error);
  }

  std::vector<std::vector<Histogram>> histograms() const override {
    return counts_of(instrumented_.histograms);
  }

 private:
  struct Request {
    ov::InferRequest infer;
    BoundSample sample;  // keeps the bytes alive that the request reads
    int64_t number = 0;  // of the sample
    bool busy = false;
  };

  void start(Request& request, const Sample& sample) {
    request.number = program_.number(started_);
    request.sample = binding_.bind(sample, request.number);
    for (size_t i = 0; i < binding_.size(); ++i)
      request.infer.set_input_tensor(i, request.sample.tensors[i]);
    set_references(request);
    set_switches(request);
    if (model_.stateful() && sample.reset_state.value_or(true)) request.infer.reset_state();
    request.infer.start_async();
    request.busy = true;
    ++started_;
  }

  // The probes' inputs follow those of the model.
  void set_references(Request& request) {
    if (program_.probes.empty()) return;
    auto* at = program_.reference_means.at(static_cast<size_t>(started_)).data();
    for (size_t i = 0; i < program_.probes.size(); ++i) {
      const auto& port = compiled_.inputs()[binding_.size() + i];
      request.infer.set_input_tensor(binding_.size() + i,
                                     ov::Tensor(ov::element::f32, port.get_shape(), at));
      at += program_.probes[i].channels;
    }
  }

  // Behind the probes'.
  void set_switches(Request& request) {
    if (program_.switches.empty()) return;
    auto& row = program_.switch_rows.at(static_cast<size_t>(started_));
    for (size_t i = 0; i < row.size(); ++i)
      request.infer.set_input_tensor(binding_.size() + program_.probes.size() + i,
                                     ov::Tensor(ov::element::f32, ov::Shape{}, &row[i]));
  }

  // Waits for a request and hands out its records; nothing where it is idle.
  void collect(Request& request, const backends::RecordCallback& record) {
    if (!request.busy) return;
    request.busy = false;
    try {
      request.infer.wait();
    } catch (const std::exception& e) {
      fail<ModelError>("calibrate", "OpenVINO could not run the model on sample {}: {}",
                       request.number, cause_of(e));
    }
    std::vector<ov::Tensor> results;
    for (size_t i = 0; i < instrumented_.results; ++i)
      results.push_back(request.infer.get_output_tensor(i));
    request.sample = {};
    size_t batch = 1;  // records of branches come once, whatever the batch
    for (size_t i = 0; i < instrumented_.histograms.size(); ++i)
      batch = std::max(batch, results[i].get_shape()[0]);
    for (size_t item = 0; item < batch; ++item) {
      row_.clear();
      for (const ov::Tensor& result : results) append(result, item, batch);
      record(recorded_++, row_);
    }
  }

  void append(const ov::Tensor& result, size_t item, size_t batch) {
    const size_t rows =
        result.get_shape().size() == 2 && result.get_shape()[0] == batch ? batch : 1;
    const size_t size = result.get_size() / rows;
    const auto* data = result.data<const float>() + (rows == 1 ? 0 : item) * size;
    row_.insert(row_.end(), data, data + size);
  }

  // Records what is still in flight; with an error already there, only waits.
  void finish(const backends::RecordCallback& record, std::exception_ptr& error) {
    for (size_t i = 0; i < requests_.size(); ++i) {
      Request& request = requests_[(oldest_ + i) % requests_.size()];
      try {
        collect(request, record);
      } catch (...) {
        if (!error) error = std::current_exception();
        if (request.busy) request.infer.cancel();
      }
    }
  }

  const OpenVinoModel& model_;
  Binding binding_;
  backends::Program program_;
  Instrumented instrumented_;
  ov::CompiledModel compiled_;
  std::vector<Request> requests_;
  std::vector<float> row_;
  size_t oldest_ = 0;
  int64_t started_ = 0, recorded_ = 0;
};

}  // namespace

std::unique_ptr<backends::Executor> make_executor(const OpenVinoModel& model,
                                                  const backends::Program& program) {
  const auto* other = dynamic_cast<const OpenVinoModel*>(program.other);
  Instrumented instrumented =
      instrument(*model.native(), model.reading(), program, other ? other->native().get() : nullptr,
                 other ? &other->reading() : nullptr);
  return std::make_unique<OpenVinoExecutor>(model, program, std::move(instrumented));
}

}  // namespace eightbit::openvino
