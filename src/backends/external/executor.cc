#include "backends/external/executor.h"

#include <algorithm>
#include <cstring>

#include "backends/external/instructions.h"
#include "backends/external/recorder.h"
#include "base/error.h"
#include "quant/rounded_weights.h"

namespace eightbit::external {
namespace {

// One of several tensors along axis 0.
Tensor stacked(const std::vector<std::vector<Tensor>>& samples, size_t input) {
  if (samples.size() == 1) return samples[0][input];
  Shape shape = samples[0][input].shape;
  shape[0] = 0;
  for (const auto& sample : samples) shape[0] += sample[input].shape[0];
  Tensor all = Tensor::allocate(samples[0][input].dtype, shape);
  std::byte* at = all.mutable_data();
  for (const auto& sample : samples) {
    std::memcpy(at, sample[input].data, sample[input].byte_size());
    at += sample[input].byte_size();
  }
  return all;
}

bool stack(const Tensor& a, const Tensor& b) {
  return a.shape.size() == b.shape.size() && !a.shape.empty() &&
         std::equal(a.shape.begin() + 1, a.shape.end(), b.shape.begin() + 1);
}

class ExternalExecutor : public backends::Executor {
 public:
  ExternalExecutor(const ExternalModel& model, const backends::Program& program,
                   std::unique_ptr<Session> session)
      : binding_(binding_of(model)),
        batched_(backends::leads_with_batch(backends::shapes_of(model.inputs()))),
        // cuts hold every value of a run
        most_(program.cuts.empty() ? model.network()->largest_batch() : 1),
        program_(program),
        recorder_(program_),
        session_(std::move(session)) {}

  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) override {
    while (std::optional<Sample> sample = next()) {
      std::vector<Tensor> inputs =
          binding_.bind(*sample, program_.number(started_ + static_cast<int64_t>(waiting_.size())));
      if (!waiting_.empty() && !fits(inputs)) flush(record);
      rows_ += rows_of(inputs);
      waiting_.push_back(std::move(inputs));
      if (rows_ >= most_) flush(record);
    }
    flush(record);
  }

  std::vector<std::vector<Histogram>> histograms() const override { return recorder_.histograms(); }

 private:
  int64_t rows_of(const std::vector<Tensor>& inputs) const {
    return batched_ ? inputs[0].shape[0] : 1;
  }

  bool fits(const std::vector<Tensor>& inputs) const {
    return rows_ + rows_of(inputs) <= most_ &&
           std::ranges::equal(inputs, waiting_.front(),
                              [](const Tensor& a, const Tensor& b) { return stack(a, b); });
  }

  // Records of taps are one an item of a batch, others one a sample.
  Units units() const {
    Units out;
    for (const auto& inputs : waiting_) {
      if (program_.taps.empty())
        out.add(rows_of(inputs));
      else
        for (int64_t item = 0; item < rows_of(inputs); ++item) out.add(1);
    }
    return out;
  }

  std::vector<const std::vector<float>*> means() const {
    std::vector<const std::vector<float>*> out;
    if (!program_.probes.empty())
      for (size_t k = 0; k < waiting_.size(); ++k)
        out.push_back(&program_.reference_means.at(static_cast<size_t>(started_) + k));
    return out;
  }

  void flush(const backends::RecordCallback& record) {
    if (waiting_.empty()) return;
    const Units now = units();
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < waiting_.front().size(); ++i) inputs.push_back(stacked(waiting_, i));
    recorder_.start(now, means());
    started_ += static_cast<int64_t>(waiting_.size());
    waiting_.clear();
    rows_ = 0;
    session_->run(inputs, recorder_);
    for (size_t unit = 0; unit < now.size(); ++unit) record(recorded_++, recorder_.row(unit));
  }

  backends::Binding binding_;
  bool batched_;
  int64_t most_;
  backends::Program program_;
  RowRecorder recorder_;
  std::unique_ptr<Session> session_;
  std::vector<std::vector<Tensor>> waiting_;  // samples of the next run
  int64_t rows_ = 0;                          // that they hold along axis 0
  int64_t started_ = 0, recorded_ = 0;
};

Request request_of(const backends::Program& program, const Instructions& plan) {
  Request request;
  request.threads = program.threads;
  if (program.plan) request.plan = &plan;
  for (const Tap& tap : program.taps) request.taps.push_back(tap.value);
  for (const BiasProbe& probe : program.probes)
    request.probes.push_back({probe.node, probe.axis, probe.channels});
  for (const auto& c : program.comparisons)
    request.comparisons.emplace_back(c.reference, c.planned == kNone ? c.reference : c.planned);
  for (const auto& cut : program.cuts) request.cuts.push_back({cut.reference, cut.planned});
  if (program.layers_alone)  // what the plan quantizes is the float model's
    for (const Quantizer& q : program.plan->quantizers)
      if (!q.weight) request.cuts.push_back({q.value, q.value});
  request.bypassed = program.bypassed;
  return request;
}

// The same taps on the results of the twin.
std::unique_ptr<backends::Executor> compile_twin(const Twin& twin,
                                                 const backends::Program& program) {
  const Graph& graph = twin.model.impl().graph();
  backends::Program own = program;
  for (Tap& tap : own.taps) {
    const auto result = twin.results.find(tap.value);
    const NodeId node = result == twin.results.end() ? kNone : graph.find(result->second);
    EIGHTBIT_CHECK(node != kNone, "a twin lacks value {}", tap.value);
    tap.value = graph.node(node).inputs.at(0);
  }
  return twin.model.impl().compile(own);
}

}  // namespace

backends::Binding binding_of(const ExternalModel& model) {
  std::vector<backends::BoundInput> inputs;
  for (const PortInfo& port : model.inputs()) inputs.push_back({port, true, {port.name}});
  return backends::Binding(std::move(inputs));
}

std::unique_ptr<backends::Executor> make_executor(const ExternalModel& model,
                                                  const backends::Program& program) {
  const auto* other = dynamic_cast<const ExternalModel*>(program.other);
  if (program.other && (!other || other->backend() != model.backend()))
    fail<Unsupported>(
        "compare",
        "a model of {} can not be compared with one of {}. Pass two models of one framework",
        model.backend(), program.other->backend());
  if (!program.plan && !program.other)
    if (const auto twin = model.network()->twin()) return compile_twin(*twin, program);
  Instructions plan;
  if (program.plan)
    plan =
        instructions_of(model.graph(), with_rounded_weights(model.graph(), *program.plan), false);
  Request request = request_of(program, plan);
  if (other) request.other = other->network().get();
  return std::make_unique<ExternalExecutor>(model, program, model.network()->compile(request));
}

}  // namespace eightbit::external
