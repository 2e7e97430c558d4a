#include "backends/onnx/ort/measure_op.h"

#include <algorithm>

#include "base/error.h"
#include "records/bias_probe.h"
#include "records/reduce.h"

namespace eightbit::onnx {
namespace {

constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr auto kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

// An exception must not cross the C interface.
template <typename F>
OrtStatusPtr guarded(F&& f) {
  try {
    f();
    return nullptr;
  } catch (const std::exception& error) {
    return Ort::GetApi().CreateStatus(ORT_FAIL, error.what());
  }
}

struct Input {
  std::vector<int64_t> shape;
  const float* data;
  int64_t size;
};

Input input_of(const Ort::KernelContext& context, size_t index) {
  const auto value = context.GetInput(index);
  const auto info = value.GetTensorTypeAndShapeInfo();
  return {info.GetShape(), value.GetTensorData<float>(),
          static_cast<int64_t>(info.GetElementCount())};
}

float* output_of(Ort::KernelContext& context, size_t index, const std::vector<int64_t>& shape) {
  return context.GetOutput(index, shape).GetTensorMutableData<float>();
}

struct Taps {
  std::vector<Tap> taps;
  std::vector<std::shared_ptr<HistogramSink>> sinks;
};

// A kernel as ONNX Runtime calls it.
template <typename Kernel>
struct Guarded : Kernel {
  using Kernel::Kernel;
  OrtStatusPtr ComputeV2(OrtKernelContext* raw) {
    return guarded([&] {
      Ort::KernelContext context(raw);
      this->compute(context);
    });
  }
};

template <typename Kernel>
struct Operator : Ort::CustomOpBase<Operator<Kernel>, Guarded<Kernel>, true> {
  Operator(const char* name, std::vector<ONNXTensorElementDataType> inputs, size_t outputs,
           const Taps* taps)
      : name_(name), inputs_(std::move(inputs)), outputs_(outputs), taps_(taps) {}

  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return guarded([&] { *kernel = new Guarded<Kernel>(*taps_, Ort::ConstKernelInfo(info)); });
  }
  const char* GetName() const { return name_; }
  size_t GetInputTypeCount() const { return inputs_.size(); }
  ONNXTensorElementDataType GetInputType(size_t index) const { return inputs_[index]; }
  size_t GetOutputTypeCount() const { return outputs_; }
  ONNXTensorElementDataType GetOutputType(size_t) const { return kFloat; }

  const char* name_;
  std::vector<ONNXTensorElementDataType> inputs_;
  size_t outputs_;
  const Taps* taps_;
};

class ReduceKernel {
 public:
  ReduceKernel(const Taps& taps, Ort::ConstKernelInfo info) {
    const auto index = static_cast<size_t>(info.GetAttribute<int64_t>("tap"));
    tap_ = &taps.taps.at(index);
    sink_ = taps.sinks.at(index).get();
  }
  void compute(Ort::KernelContext& context) const {
    const Input value = input_of(context, 0);
    const int64_t batch = *context.GetInput(1).GetTensorData<int64_t>();
    const int64_t size = tap_->record_size();
    float* records = output_of(context, 0, {batch, size});
    record_tensor(*tap_, value.data, value.shape, batch,
                  {records, static_cast<size_t>(batch * size)}, sink_);
  }

 private:
  const Tap* tap_;
  HistogramSink* sink_;
};

class FoldKernel {
 public:
  FoldKernel(const Taps& taps, Ort::ConstKernelInfo info)
      : tap_(&taps.taps.at(static_cast<size_t>(info.GetAttribute<int64_t>("tap")))) {}
  void compute(Ort::KernelContext& context) const {
    const Input rows = input_of(context, 0);
    const int64_t size = tap_->record_size();
    const auto count = static_cast<size_t>(rows.size);
    fold_records(*tap_, {rows.data, count},
                 {output_of(context, 0, {1, size}), static_cast<size_t>(size)});
  }

 private:
  const Tap* tap_;
};

class DifferenceKernel {
 public:
  DifferenceKernel(const Taps&, Ort::ConstKernelInfo info)
      : axis_(info.GetAttribute<int64_t>("axis")), size_(info.GetAttribute<int64_t>("size")) {}

  void compute(Ort::KernelContext& context) const {
    const Input reference = input_of(context, 0), other = input_of(context, 1);
    EIGHTBIT_CHECK(reference.size == other.size, "compared tensors of {} and {} elements",
                   reference.size, other.size);
    const std::span<float> record(output_of(context, 0, {1, size_}), static_cast<size_t>(size_));
    std::ranges::fill(record, 0.0f);
    if (reference.size > 0)
      record_difference(reference.data, other.data, reference.shape, axis_, record);
  }

 private:
  int64_t axis_, size_;
};

class MeanShiftKernel {
 public:
  MeanShiftKernel(const Taps&, Ort::ConstKernelInfo info)
      : first_(info.GetAttribute<int64_t>("first")) {
    probe_.axis = info.GetAttribute<int64_t>("axis");
    probe_.channels = info.GetAttribute<int64_t>("channels");
    probe_.relu = static_cast<ValueId>(info.GetAttribute<int64_t>("relu"));
  }

  void compute(Ort::KernelContext& context) const {
    const Input value = input_of(context, 0), means = input_of(context, 1);
    EIGHTBIT_CHECK(first_ + probe_.channels <= means.size, "means {} to {} of {}", first_,
                   first_ + probe_.channels, means.size);
    const std::span reference(means.data + first_, static_cast<size_t>(probe_.channels));
    const std::vector<float> shift = mean_shift(probe_, reference, value.data, value.shape);
    std::ranges::copy(shift, output_of(context, 1, {probe_.channels}));
    add(value, shift, output_of(context, 0, value.shape));
  }

 private:
  void add(const Input& value, const std::vector<float>& shift, float* out) const {
    int64_t inner = 1;
    for (size_t i = static_cast<size_t>(probe_.axis) + 1; i < value.shape.size(); ++i)
      inner *= value.shape[i];
    const auto channels = static_cast<int64_t>(shift.size());
    for (int64_t run = 0; run * inner < value.size; ++run) {
      const float amount = shift[static_cast<size_t>(run % channels)];
      for (int64_t i = run * inner; i < (run + 1) * inner; ++i) out[i] = value.data[i] + amount;
    }
  }

  BiasProbe probe_;
  int64_t first_;
};

}  // namespace

struct MeasureOperators::Operators {
  Taps taps;
  Operator<ReduceKernel> reduce{"Reduce", {kFloat, kInt64}, 1, &taps};
  Operator<FoldKernel> fold{"Fold", {kFloat}, 1, &taps};
  Operator<DifferenceKernel> difference{"Difference", {kFloat, kFloat}, 1, &taps};
  Operator<MeanShiftKernel> mean_shift{"MeanShift", {kFloat, kFloat}, 2, &taps};
};

MeasureOperators::MeasureOperators(std::vector<Tap> taps,
                                   std::vector<std::shared_ptr<HistogramSink>> sinks)
    : operators_(new Operators{{std::move(taps), std::move(sinks)}}) {
  environment();
  domain_ = Ort::CustomOpDomain(kMeasureDomain);
  domain_.Add(&operators_->reduce);
  domain_.Add(&operators_->fold);
  domain_.Add(&operators_->difference);
  domain_.Add(&operators_->mean_shift);
}

MeasureOperators::~MeasureOperators() = default;

}  // namespace eightbit::onnx
