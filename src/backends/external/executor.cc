#include "backends/external/executor.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "backends/external/instructions.h"
#include "backends/recorder.h"
#include "base/error.h"
#include "quant/rounded_weights.h"

namespace eightbit::external {
namespace {

// Joins the tensors of input `input` along axis 0: a batch of the samples.
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

bool cuts_values(const backends::Measurement& measurement) {
  const auto* compared = std::get_if<backends::NetworkComparison>(&measurement);
  return compared && !compared->cuts.empty();
}

class ExternalExecutor : public backends::Executor {
 public:
  ExternalExecutor(const ExternalModel& model, const backends::Measurement& measurement,
                   const backends::RunSettings& settings, const Measurement& asked)
      : binding_(binding_of(model)),
        batched_(backends::leads_with_batch(backends::shapes_of(model.inputs()))),
        // cuts hold every value of a run
        most_(cuts_values(measurement) ? 1 : model.network()->largest_batch()),
        settings_(settings),
        unit_is_item_(!taps_of(measurement).empty()),
        network_(model.network()),
        engine_(model.native_engine()),
        recorder_(measurement, settings.thread_count()),
        session_(engine_->compile(*network_, asked)) {
    if (const auto* probes = std::get_if<backends::Probes>(&measurement))
      means_ = probes->reference_means;
  }

  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) override {
    while (std::optional<Sample> sample = next()) {
      std::vector<Tensor> inputs = binding_.bind(
          *sample, settings_.number(started_ + static_cast<int64_t>(waiting_.size())));
      if (!waiting_.empty() && !fits(inputs)) flush(record);
      rows_ += rows_of(inputs);
      waiting_.push_back(std::move(inputs));
      if (rows_ >= most_) flush(record);
    }
    flush(record);
  }

  void check(const Sample& sample, int64_t number) const override { binding_.bind(sample, number); }

  // A network of its own framework runs a second time for its outputs: sessions hand out nothing
  // but what is measured.
  std::vector<Tensor> run_one(const Sample& sample,
                              const backends::RecordCallback& record) override {
    std::vector<Tensor> inputs = binding_.bind(sample, settings_.number(started_));
    std::vector<Tensor> outputs = engine_->infer(*network_, inputs);
    rows_ = rows_of(inputs);
    waiting_.push_back(std::move(inputs));
    flush(record);
    return outputs;
  }

  void run_outputs(const std::function<std::optional<Sample>()>&,
                   const backends::OutputCallback&) override {
    fail<Unsupported>("measure", "this engine takes no errors in. See can_inject()");
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
  backends::RecordUnits units() const {
    backends::RecordUnits out;
    for (const auto& inputs : waiting_) {
      if (!unit_is_item_)
        out.add(rows_of(inputs));
      else
        for (int64_t item = 0; item < rows_of(inputs); ++item) out.add(1);
    }
    return out;
  }

  std::vector<const std::vector<float>*> means() const {
    std::vector<const std::vector<float>*> out;
    if (!means_.empty())
      for (size_t k = 0; k < waiting_.size(); ++k)
        out.push_back(&means_.at(static_cast<size_t>(started_) + k));
    return out;
  }

  void flush(const backends::RecordCallback& record) {
    if (waiting_.empty()) return;
    const backends::RecordUnits now = units();
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
  const backends::RunSettings settings_;
  bool unit_is_item_;                      // of a batch; else a unit is a sample
  std::vector<std::vector<float>> means_;  // that probes compare with: a row a sample
  std::shared_ptr<const Network> network_;
  std::shared_ptr<const Engine> engine_;
  backends::RowRecorder recorder_;
  std::unique_ptr<Session> session_;
  std::vector<std::vector<Tensor>> waiting_;  // samples of the next run
  int64_t rows_ = 0;                          // that they hold along axis 0
  int64_t started_ = 0, recorded_ = 0;
};

std::vector<Comparison> compared_values(const std::vector<backends::Comparison>& all) {
  std::vector<Comparison> values;
  for (const auto& one : all) values.push_back({one.reference, one.compared()});
  return values;
}

// What the library measures, in the words of an engine. One that computes in integers does so
// whatever is asked for: it has one arithmetic, its framework's.
class Asking {
 public:
  explicit Asking(const ExternalModel& model) : model_(model) {}

  Measurement operator()(const backends::Taps& taps) {
    Taps out;
    for (const Tap& tap : taps.taps) out.values.push_back(tap.value);
    return out;
  }

  Measurement operator()(const backends::Probes& probes) {
    Probes out{carried_out(*probes.plan), {}};
    for (const BiasProbe& probe : probes.probes)
      out.probes.push_back({probe.node, probe.axis, probe.channels});
    return out;
  }

  Measurement operator()(const backends::PlanComparison& compared) {
    PlanComparison out{carried_out(*compared.plan), compared_values(compared.comparisons), {}};
    if (compared.layers_alone)  // what the plan quantizes is the float model's
      for (const Quantizer& q : compared.plan->quantizers)
        if (!q.weight) out.cuts.push_back({q.value, q.value});
    return out;
  }

  Measurement operator()(const backends::NetworkComparison& compared) {
    const auto* other = dynamic_cast<const ExternalModel*>(compared.other);
    if (!other || other->backend() != model_.backend())
      fail<Unsupported>(
          "compare",
          "a model of {} cannot be compared with one of {}. Pass two models of one framework",
          model_.backend(), compared.other->backend());
    NetworkComparison out{
        other->network().get(), compared_values(compared.comparisons), {}, compared.bypassed};
    for (const auto& cut : compared.cuts) out.cuts.push_back({cut.reference, cut.other});
    return out;
  }

  Measurement operator()(const backends::LayerErrors&) { refuse_injection(); }
  Measurement operator()(const backends::LayerShapes&) { refuse_injection(); }
  Measurement operator()(const backends::ErrorInjection&) { refuse_injection(); }

 private:
  [[noreturn]] void refuse_injection() const {
    fail<Unsupported>("measure", "models of {} take no errors in. See can_inject()",
                      model_.backend());
  }

  const Instructions* carried_out(const Plan& plan) {
    instructions_ =
        instructions_of(model_.graph(), with_rounded_weights(model_.graph(), plan), false);
    return &instructions_;
  }

  const ExternalModel& model_;
  Instructions instructions_;
};

// The same taps on the results of the twin.
std::unique_ptr<backends::Executor> compile_twin(const Twin& twin, backends::Taps taps,
                                                 const backends::RunSettings& settings) {
  const Graph& graph = twin.model.impl().graph();
  for (Tap& tap : taps.taps) {
    const auto result = twin.results.find(tap.value);
    const NodeId node = result == twin.results.end() ? kNone : graph.find(result->second);
    EIGHTBIT_CHECK(node != kNone, "a twin lacks value {}", tap.value);
    tap.value = graph.node(node).inputs.at(0);
  }
  return twin.model.impl().compile(std::move(taps), settings);
}

}  // namespace

backends::Binding binding_of(const ExternalModel& model) {
  std::vector<backends::BoundInput> inputs;
  for (const PortInfo& port : model.inputs()) inputs.push_back({port, true, {port.name}});
  return backends::Binding(std::move(inputs));
}

std::unique_ptr<backends::Executor> make_executor(const ExternalModel& model,
                                                  const backends::Measurement& measurement,
                                                  const backends::RunSettings& settings) {
  const auto* taps = std::get_if<backends::Taps>(&measurement);
  if (taps && !taps->outputs)
    if (const auto twin = model.native_engine()->twin(*model.network()))
      return compile_twin(*twin, *taps, settings);
  Asking asking(model);
  const Measurement asked = std::visit(asking, measurement);
  return std::make_unique<ExternalExecutor>(model, measurement, settings, asked);
}

}  // namespace eightbit::external
