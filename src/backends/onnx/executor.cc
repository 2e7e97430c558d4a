#include "backends/onnx/executor.h"

#include <algorithm>
#include <deque>
#include <future>
#include <optional>
#include <thread>

#include "backends/onnx/bodies.h"
#include "backends/onnx/inputs.h"
#include "backends/onnx/instrument.h"
#include "backends/onnx/measure_op.h"
#include "backends/onnx/session.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace eightbit::onnx {
namespace {

int stream_count(const backends::Program& program) {
  return program.threads > 0 ? program.threads
                             : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// Weights that may lie in memory a second time, so that kernels are at their fastest. In bytes.
constexpr size_t kMostCopied = size_t{200} << 20;

size_t bytes_of(const Weights& weights) {
  size_t bytes = 0;
  for (const auto& [name, tensor] : weights) bytes += tensor.byte_size();
  return bytes;
}

// The highest level keeps convolutions in a blocked layout, which is undone for every tensor that
// is measured: that costs less than convolutions without it.
SessionSettings settings_of(const backends::Program& program, const Weights& weights,
                            OrtCustomOpDomain* operators) {
  SessionSettings settings;
  settings.threads = 1;
  settings.optimization = ORT_ENABLE_ALL;
  settings.integer_arithmetic = program.integer_arithmetic;
  settings.feeds_weights = !program.integer_arithmetic && bytes_of(weights) > kMostCopied;
  settings.operators = operators;
  return settings;
}

class OnnxExecutor : public backends::Executor {
 public:
  OnnxExecutor(const OnnxModel& model, const backends::Program& program, Instrumented instrumented)
      : binding_(binding_of(model)),
        batched_(backends::leads_with_batch(backends::shapes_of(model.inputs()))),
        program_(program),
        histograms_(std::move(instrumented.histograms)),
        operators_(program.taps, histograms_),
        pool_(stream_count(program)),
        most_in_flight_(static_cast<size_t>(stream_count(program)) + 1) {
    if (instrumented.content.model.graph().output_size() == 0) return;
    const Content closed = with_closed_bodies(std::move(instrumented.content));
    session_.emplace(closed, settings_of(program, closed.weights, operators_.domain()));
  }

  void run(const std::function<std::optional<Sample>()>& next,
           const backends::RecordCallback& record) override {
    std::exception_ptr error;
    try {
      while (std::optional<Sample> sample = next()) {
        if (running_.size() == most_in_flight_) collect(record);
        start(*sample);
      }
    } catch (...) {
      error = std::current_exception();
    }
    finish(record, error);
    if (error) std::rethrow_exception(error);
  }

  std::vector<std::vector<Histogram>> histograms() const override { return counts_of(histograms_); }

 private:
  void start(const Sample& sample) {
    std::vector<Tensor> inputs = binding_.bind(sample, program_.number(started_));
    inputs.push_back(batch_of(inputs));
    if (!program_.probes.empty()) inputs.push_back(means());
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
    const auto& row = program_.reference_means.at(static_cast<size_t>(started_));
    return Tensor::from_floats(row, {static_cast<int64_t>(row.size())});
  }

  // Waits for the oldest run and hands out its records.
  void collect(const backends::RecordCallback& record) {
    auto oldest = std::move(running_.front());
    running_.pop_front();
    std::vector<Tensor> results;
    try {
      results = oldest.get();
    } catch (const Ort::Exception& error) {
      fail<ModelError>("calibrate", "ONNX Runtime could not run the model on sample {}: {}",
                       program_.number(started_ - static_cast<int64_t>(running_.size()) - 1),
                       cause_of(error));
    }
    int64_t batch = 1;  // records of branches come once, whatever the batch
    for (size_t i = 0; i < histograms_.size(); ++i) batch = std::max(batch, results[i].shape.at(0));
    for (int64_t item = 0; item < batch; ++item) {
      row_.clear();
      for (const Tensor& result : results) append(result, item, batch);
      record(recorded_++, row_);
    }
  }

  void append(const Tensor& result, int64_t item, int64_t batch) {
    const auto values = result.as<float>();
    const bool split = result.shape.size() == 2 && result.shape[0] == batch;
    const size_t size = values.size() / static_cast<size_t>(split ? batch : 1);
    const auto own = values.subspan(split ? static_cast<size_t>(item) * size : 0, size);
    row_.insert(row_.end(), own.begin(), own.end());
  }

  // Records what is still in flight; after an error in a record, only waits.
  void finish(const backends::RecordCallback& record, std::exception_ptr& error) {
    while (!running_.empty()) try {
        collect(record);
      } catch (...) {
        if (!error) error = std::current_exception();
      }
  }

  backends::Binding binding_;
  bool batched_;
  backends::Program program_;
  std::vector<std::shared_ptr<HistogramSink>> histograms_;
  MeasureOperators operators_;
  std::optional<Session> session_;  // none where nothing is measured: samples are only checked
  ThreadPool pool_;
  size_t most_in_flight_;
  std::deque<std::future<std::vector<Tensor>>> running_;  // oldest first
  std::vector<float> row_;
  int64_t started_ = 0, recorded_ = 0;
};

}  // namespace

std::unique_ptr<backends::Executor> make_executor(const OnnxModel& model,
                                                  const backends::Program& program) {
  const auto* other = dynamic_cast<const OnnxModel*>(program.other);
  if (program.other && !other)
    fail<Unsupported>(
        "compare",
        "an ONNX model can not be compared with one of the backend '{}'. Read both from .onnx",
        program.other->backend());
  return std::make_unique<OnnxExecutor>(model, program, instrument(model, program, other));
}

}  // namespace eightbit::onnx
