#include "backends/onnx/session.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "backends/onnx/types.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

int thread_count(int wanted) {
  return wanted > 0 ? wanted : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// Shares the bytes.
Ort::Value borrow(const Tensor& tensor) {
  static const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  return Ort::Value::CreateTensor(
      memory, const_cast<std::byte*>(tensor.data), tensor.byte_size(), tensor.shape.data(),
      tensor.shape.size(), static_cast<ONNXTensorElementDataType>(to_data_type(tensor.dtype)));
}

// Shares the bytes, which live as long as the result.
Tensor share(Ort::Value value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const DType dtype = to_dtype(static_cast<int32_t>(info.GetElementType()));
  if (bits_of(dtype) == 0)
    fail<Unsupported>("onnxruntime", "an output of element type {} can not be read. Outputs must be numbers",
                      static_cast<int>(info.GetElementType()));
  auto owner = std::make_shared<Ort::Value>(std::move(value));
  Tensor tensor{dtype, info.GetShape(), static_cast<const std::byte*>(owner->GetTensorRawData()), nullptr};
  tensor.owner = std::move(owner);
  return tensor;
}

// What ONNX Runtime 1.31 makes of FP8 quantizers beyond its basic optimizations does not load, or yields other values.
bool has_fp8(const Content& content) {
  return std::ranges::any_of(content.model.graph().initializer(), [](const TensorProto& initializer) {
    const DType dtype = to_dtype(initializer.data_type());
    return dtype == DType::f8e4m3 || dtype == DType::f8e5m2;
  });
}

Ort::SessionOptions options_of(const SessionSettings& settings, bool fp8) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(thread_count(settings.threads))
      .SetInterOpNumThreads(1)
      .SetGraphOptimizationLevel(fp8 ? std::min(settings.optimization, ORT_ENABLE_BASIC) : settings.optimization)
      .SetLogSeverityLevel(ORT_LOGGING_LEVEL_ERROR);
  if (!settings.integer_arithmetic) options.AddConfigEntry("session.disable_quant_qdq", "1");
  if (settings.operators) options.Add(settings.operators);
  if (!settings.profile.empty()) options.EnableProfiling(settings.profile.c_str());
  return options;
}

void add_weights(Ort::SessionOptions& options, const Weights& weights) {
  std::vector<std::string> names;
  std::vector<Ort::Value> values;
  for (const auto& [name, tensor] : weights) {
    names.push_back(name);
    values.push_back(borrow(tensor));
  }
  if (!names.empty()) options.AddExternalInitializers(names, values);
}

constexpr std::string_view kNoKernel =
    ". It computes few ops in f64 and bf16: convert the model to f32, or read one of bf16 with the engine openvino";

std::vector<const char*> pointers(const std::vector<std::string>& names) {
  std::vector<const char*> pointers;
  for (const std::string& name : names) pointers.push_back(name.c_str());
  return pointers;
}

// ONNX Runtime keeps the domains of all sessions in one table, and two that bring a new one at the same time meet there.
// Once it is known, sessions are made side by side.
Ort::Session made(Ort::Env& env, const std::string& bytes, const Ort::SessionOptions& options, bool own_operators) {
  static std::mutex mutex;
  static std::atomic<bool> known = false;
  std::unique_lock lock(mutex, std::defer_lock);
  if (own_operators && !known) lock.lock();
  Ort::Session session(env, bytes.data(), bytes.size(), options);
  if (own_operators) known = true;
  return session;
}

}  // namespace

Session::Session(const Content& content, const SessionSettings& settings)
    : weights_(content.weights) {
  Ort::Env& env = environment();
  try {
    Ort::SessionOptions options = options_of(settings, has_fp8(content));
    add_weights(options, weights_);
    const std::string bytes = content.model.SerializeAsString();
    session_ = made(env, bytes, options, settings.operators != nullptr);
  } catch (const Ort::Exception& error) {
    const std::string cause = cause_of(error);
    const bool lacks_kernel = cause.find("Could not find an implementation") != std::string::npos;
    fail<ModelError>("onnxruntime", "ONNX Runtime can not load the model: {}{}", cause, lacks_kernel ? kNoKernel : "");
  }
  Ort::AllocatorWithDefaultOptions allocator;
  for (size_t i = 0; i < session_.GetInputCount(); ++i)
    input_names_.emplace_back(session_.GetInputNameAllocated(i, allocator).get());
  for (size_t i = 0; i < session_.GetOutputCount(); ++i)
    output_names_.emplace_back(session_.GetOutputNameAllocated(i, allocator).get());
}

std::vector<Tensor> Session::run(std::span<const Tensor> inputs) {
  EIGHTBIT_CHECK(inputs.size() == input_names_.size(), "{} tensors for {} inputs", inputs.size(),
                 input_names_.size());
  std::vector<Ort::Value> values;
  for (const Tensor& tensor : inputs) values.push_back(borrow(tensor));
  auto results = session_.Run(Ort::RunOptions{nullptr}, pointers(input_names_).data(), values.data(),
                              values.size(), pointers(output_names_).data(), output_names_.size());
  std::vector<Tensor> outputs;
  for (Ort::Value& result : results) outputs.push_back(share(std::move(result)));
  return outputs;
}

std::filesystem::path Session::end_profiling() {
  Ort::AllocatorWithDefaultOptions allocator;
  return session_.EndProfilingAllocated(allocator).get();
}

}  // namespace eightbit::onnx
