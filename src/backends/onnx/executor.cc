#include "backends/onnx/executor.h"

#include <deque>
#include <future>
#include <optional>
#include <variant>
#include <vector>

#include "backends/onnx/bodies/closing.h"
#include "backends/onnx/inputs.h"
#include "backends/onnx/instrument.h"
#include "backends/onnx/ort/measure_op.h"
#include "backends/onnx/ort/session.h"
#include "backends/rows.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace eightbit::onnx {
namespace {

// Weights that may lie in memory a second time, so that kernels are at their fastest. In bytes.
constexpr size_t kMostCopied = size_t{200} << 20;

size_t bytes_of(const Weights& weights) {
  size_t bytes = 0;
  for (const auto& [name, tensor] : weights) bytes += tensor.byte_size();
  return bytes;
}

// The highest level keeps convolutions in a blocked layout, which is undone for every tensor that
// is measured: that costs less than convolutions without it.
SessionSettings settings_of(bool in_integers, int threads, const Weights& weights,
                            OrtCustomOpDomain* operators) {
  SessionSettings settings;
  settings.threads = threads;
  settings.optimization = ORT_ENABLE_ALL;
  settings.integer_arithmetic = in_integers;
  settings.feeds_weights = !in_integers && bytes_of(weights) > kMostCopied;
  settings.operators = operators;
  return settings;
}

class OnnxExecutor : public backends::Executor {
 public:
  OnnxExecutor(const OnnxModel& model, const backends::Measurement& measurement,
               const backends::RunSettings& settings, Instrumented instrumented)
      : binding_(binding_of(model)),
        batched_(backends::leads_with_batch(backends::shapes_of(model.inputs()))),
        settings_(settings),
        histograms_(std::move(instrumented.histograms)),
        outputs_(instrumented.outputs),
        operators_({taps_of(measurement).begin(), taps_of(measurement).end()}, histograms_),
        pool_(settings.thread_count()),
        most_in_flight_(static_cast<size_t>(settings.thread_count()) + 1),
        ignore_([](int64_t, std::span<const float>) {}) {
    if (const auto* probes = std::get_if<backends::Probes>(&measurement))
      means_ = probes->reference_means;
    if (const auto* injection = std::get_if<backends::ErrorInjection>(&measurement)) {
      errors_ = injection->errors;
      layers_ = injection->layers.size();
    }
    if (instrumented.content.model.graph().output_size() == 0) return;
    const Content closed = with_closed_bodies(std::move(instrumented.content));
    session_.emplace(closed, settings_of(in_integers(measurement),
                                         one_at_a_time(measurement) ? settings.thread_count() : 1,
                                         closed.weights, operators_.domain()));
  }

  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) override {
    run_in_turns(next, [&] { collect(record); });
  }

  void run_outputs(const std::function<std::optional<Sample>()>& next,
                   const backends::OutputCallback& take) override {
    run_in_turns(next, [&] { take(own_outputs(collect(ignore_))); });
  }

  void check(const Sample& sample, int64_t number) const override { binding_.bind(sample, number); }

  std::vector<Tensor> run_one(const Sample& sample,
                              const backends::RecordCallback& record) override {
    start(sample);
    return own_outputs(collect(record));
  }

  std::vector<std::vector<Histogram>> histograms() const override { return counts_of(histograms_); }

 private:
  // `collected`: takes what the oldest run has come to.
  void run_in_turns(const std::function<std::optional<Sample>()>& next,
                    const std::function<void()>& collected) {
    std::exception_ptr error;
    try {
      while (std::optional<Sample> sample = next()) {
        if (running_.size() == most_in_flight_) collected();
        start(*sample);
      }
    } catch (...) {
      error = std::current_exception();
    }
    while (!running_.empty()) try {
        collected();
      } catch (...) {  // what is still in flight is only waited for
        if (!error) error = std::current_exception();
      }
    if (error) std::rethrow_exception(error);
  }

  // Behind the records.
  std::vector<Tensor> own_outputs(std::vector<Tensor> results) const {
    return {results.end() - static_cast<std::ptrdiff_t>(outputs_), results.end()};
  }

  void start(const Sample& sample) {
    std::vector<Tensor> inputs = binding_.bind(sample, settings_.number(started_));
    inputs.push_back(batch_of(inputs));
    if (!means_.empty()) inputs.push_back(means());
    if (errors_) {
      EIGHTBIT_CHECK(errors_->size() == layers_, "{} layers without an error each", layers_);
      inputs.insert(inputs.end(), errors_->begin(), errors_->end());
    }
    running_.push_back(pool_.submit([this, inputs = std::move(inputs)] {
      return session_ ? session_->run(inputs) : std::vector<Tensor>();
    }));
    ++started_;
  }

  // Items of a sample: those along axis 0 of the first input, where that counts items.
  Tensor batch_of(const std::vector<Tensor>& inputs) const {
    Tensor batch = Tensor::allocate(DType::i64, {1});
    *reinterpret_cast<int64_t*>(batch.mutable_data()) = batched_ ? inputs[0].shape[0] : 1;
    return batch;
  }

  Tensor means() const {
    const auto& row = means_.at(static_cast<size_t>(started_));
    return Tensor::from_floats(row, {static_cast<int64_t>(row.size())});
  }

  // Waits for the oldest run and hands out its records; returns all results.
  std::vector<Tensor> collect(const backends::RecordCallback& record) {
    auto oldest = std::move(running_.front());
    running_.pop_front();
    std::vector<Tensor> results;
    try {
      results = oldest.get();
    } catch (const Ort::Exception& error) {
      fail<ModelError>("calibrate", "ONNX Runtime could not run the model on sample {}: {}",
                       settings_.number(started_ - static_cast<int64_t>(running_.size()) - 1),
                       cause_of(error));
    }
    std::vector<backends::Part> parts;
    for (size_t i = 0; i + outputs_ < results.size(); ++i)
      parts.push_back(
          {results[i].as<float>(), i < histograms_.size() ? results[i].shape.at(0) : 1});
    rows_.hand_out(parts, record);
    return results;
  }

  backends::Binding binding_;
  bool batched_;
  const backends::RunSettings settings_;
  std::vector<std::shared_ptr<HistogramSink>> histograms_;
  size_t outputs_;                         // results behind the records, that run_one() returns
  std::vector<std::vector<float>> means_;  // that probes compare with: a row a sample
  const std::vector<Tensor>* errors_ = nullptr;  // that layers take in; null: none do
  size_t layers_ = 0;                            // so many
  MeasureOperators operators_;
  std::optional<Session> session_;  // none where nothing is measured: samples are only checked
  ThreadPool pool_;
  size_t most_in_flight_;
  std::deque<std::future<std::vector<Tensor>>> running_;  // oldest first
  backends::Rows rows_;
  int64_t started_ = 0;
  const backends::RecordCallback ignore_;
};

}  // namespace

std::unique_ptr<backends::Executor> make_executor(const OnnxModel& model,
                                                  backends::Measurement measurement,
                                                  const backends::RunSettings& settings) {
  return std::make_unique<OnnxExecutor>(model, measurement, settings,
                                        instrument(model, measurement));
}

}  // namespace eightbit::onnx
