#include "backends/openvino/executor.h"

#include <deque>
#include <openvino/runtime/core.hpp>
#include <openvino/runtime/intel_cpu/properties.hpp>
#include <openvino/runtime/properties.hpp>
#include <variant>

#include "backends/openvino/binding.h"
#include "backends/openvino/core.h"
#include "backends/openvino/instrument.h"
#include "backends/openvino/model.h"
#include "backends/openvino/types.h"
#include "backends/rows.h"
#include "base/error.h"

namespace eightbit::openvino {
namespace {

// One thread a stream: how the runtime splits the work of one inference must not reach the records.
// FakeQuantize is computed in float, so that corrections do not depend on the integer kernels of
// this machine. Kernels that are generated for chains of elementwise ops do not pay for a few dozen
// inferences: without them, a network full of FakeQuantize compiles twice as fast, and runs no
// slower. Where two networks that share values run side by side, OpenVINO 2026.4 comes to wrong
// results without them.
ov::AnyMap stream_options(const backends::Measurement& measurement, int threads, bool sequential) {
  const int count = sequential ? 1 : threads;
  ov::AnyMap options = compile_options(count);
  options.insert(ov::num_streams(backends::one_at_a_time(measurement) ? 1 : count));
  if (!in_integers(measurement)) options.insert({"LP_TRANSFORMS_MODE", "NO"});
  if (!side_by_side(measurement)) options.insert({"SNIPPETS_MODE", "DISABLE"});
  return options;
}

class OpenVinoExecutor : public backends::Executor {
 public:
  OpenVinoExecutor(const OpenVinoModel& model, backends::Measurement measurement,
                   const backends::RunSettings& settings)
      : model_(model),
        binding_(*model.native()),
        measurement_(std::move(measurement)),
        settings_(settings),
        instrumented_(instrument(model, measurement_)) {
    compiled_ =
        compiled_for_cpu(instrumented_.model,
                         stream_options(measurement_, settings.thread_count(), model.stateful()));
    instrumented_.model.reset();
    const size_t streams =
        model.stateful() ? 1 : static_cast<size_t>(compiled_.get_property(ov::num_streams).num);
    // of errors, which are as large as all activations, no more are held than run
    const bool injects = std::holds_alternative<backends::ErrorInjection>(measurement_);
    const bool one_by_one = model.stateful() || backends::one_at_a_time(measurement_);
    for (size_t i = 0; i < (one_by_one ? 1 : injects ? streams : streams + 1); ++i)
      requests_.push_back({compiled_.create_infer_request(), {}, {}, 0, false});
  }

  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) override {
    run_in_turns(next, [&](Request& request) { collect(request, record); });
  }

  void run_outputs(const std::function<std::optional<Sample>()>& next,
                   const backends::OutputCallback& take) override {
    run_in_turns(next, [&](Request& request) {
      collect(request, ignore_);
      take(outputs_of(request, false));
    });
  }

  void check(const Sample& sample, int64_t number) const override { binding_.bind(sample, number); }

  std::vector<Tensor> run_one(const Sample& sample,
                              const backends::RecordCallback& record) override {
    Request& request = requests_.front();
    start(request, sample);
    collect(request, record);
    return outputs_of(request, std::holds_alternative<backends::LayerErrors>(measurement_));
  }

  std::vector<std::vector<Histogram>> histograms() const override {
    return counts_of(instrumented_.histograms);
  }

 private:
  struct Request {
    ov::InferRequest infer;
    // the bytes that the request reads
    BoundSample sample;
    std::vector<Tensor> errors;
    int64_t number = 0;  // of the sample
    bool busy = false;
  };

  // `collected`: takes what a request has come to that was busy.
  void run_in_turns(const std::function<std::optional<Sample>()>& next,
                    const std::function<void(Request& request)>& collected) {
    std::exception_ptr error;
    try {
      for (size_t turn = 0;; turn = (turn + 1) % requests_.size()) {
        std::optional<Sample> sample = next();
        if (requests_[turn].busy) collected(requests_[turn]);
        if (!sample) break;
        start(requests_[turn], *sample);
        oldest_ = (turn + 1) % requests_.size();
      }
    } catch (...) {
      error = std::current_exception();
    }
    finish(collected, error);
    if (error) std::rethrow_exception(error);
  }

  std::vector<Tensor> outputs_of(Request& request, bool shared) const {
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < instrumented_.outputs; ++i) {
      const ov::Tensor output = request.infer.get_output_tensor(instrumented_.results + i);
      outputs.push_back(shared ? share(output) : copy_of(output));
    }
    return outputs;
  }

  void start(Request& request, const Sample& sample) {
    request.number = settings_.number(started_);
    request.sample = binding_.bind(sample, request.number);
    for (size_t i = 0; i < binding_.size(); ++i)
      request.infer.set_input_tensor(i, request.sample.tensors[i]);
    std::visit(
        backends::Overloads{[&](const backends::Probes& p) { set_references(p, request); },
                            [&](const backends::ErrorInjection& e) { set_errors(e, request); },
                            [](const auto&) {}},
        measurement_);
    if (model_.stateful() && sample.reset_state.value_or(true)) request.infer.reset_state();
    request.infer.start_async();
    request.busy = true;
    ++started_;
  }

  // The probes' inputs follow those of the model.
  void set_references(const backends::Probes& probes, Request& request) {
    if (probes.probes.empty()) return;
    // the runtime takes pointers to what it may change, and does not change inputs
    auto* at = const_cast<float*>(probes.reference_means.at(static_cast<size_t>(started_)).data());
    for (size_t i = 0; i < probes.probes.size(); ++i) {
      const auto& port = compiled_.inputs()[binding_.size() + i];
      request.infer.set_input_tensor(binding_.size() + i,
                                     ov::Tensor(ov::element::f32, port.get_shape(), at));
      at += probes.probes[i].channels;
    }
  }

  // So do the errors.
  void set_errors(const backends::ErrorInjection& injection, Request& request) {
    EIGHTBIT_CHECK(injection.errors && injection.errors->size() == injection.layers.size(),
                   "{} layers without an error each", injection.layers.size());
    request.errors = *injection.errors;
    size_t input = binding_.size();
    for (const Tensor& error : request.errors)
      request.infer.set_input_tensor(input++, ov::Tensor(ov::element::f32, to_ov_shape(error.shape),
                                                         const_cast<std::byte*>(error.data)));
  }

  // Waits for a busy request and hands out its records.
  void collect(Request& request, const backends::RecordCallback& record) {
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
    std::vector<backends::Part> parts;
    for (size_t i = 0; i < results.size(); ++i) {
      const bool tap = i < instrumented_.histograms.size();
      parts.push_back({{results[i].data<const float>(), results[i].get_size()},
                       tap ? static_cast<int64_t>(results[i].get_shape()[0]) : 1});
    }
    rows_.hand_out(parts, record);
  }

  // Takes what is still in flight; after an error in that, only waits.
  void finish(const std::function<void(Request& request)>& collected, std::exception_ptr& error) {
    for (size_t i = 0; i < requests_.size(); ++i) {
      Request& request = requests_[(oldest_ + i) % requests_.size()];
      if (!request.busy) continue;
      try {
        collected(request);
      } catch (...) {
        if (!error) error = std::current_exception();
        if (request.busy) request.infer.cancel();
      }
    }
  }

  const OpenVinoModel& model_;
  Binding binding_;
  const backends::Measurement measurement_;
  const backends::RunSettings settings_;
  Instrumented instrumented_;
  ov::CompiledModel compiled_;
  std::vector<Request> requests_;
  backends::Rows rows_;
  size_t oldest_ = 0;
  int64_t started_ = 0;
  const backends::RecordCallback ignore_ = [](int64_t, std::span<const float>) {};
};

}  // namespace

std::unique_ptr<backends::Executor> make_executor(const OpenVinoModel& model,
                                                  backends::Measurement measurement,
                                                  const backends::RunSettings& settings) {
  return std::make_unique<OpenVinoExecutor>(model, std::move(measurement), settings);
}

}  // namespace eightbit::openvino
