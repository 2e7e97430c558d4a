#include "backends/onnx/ort/session.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "backends/onnx/ort/unknown_ops.h"
#include "backends/onnx/proto/types.h"
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
    fail<Unsupported>("onnxruntime",
                      "an output of element type {} cannot be read. Outputs must be numbers",
                      static_cast<int>(info.GetElementType()));
  auto owner = std::make_shared<Ort::Value>(std::move(value));
  Tensor tensor{dtype, info.GetShape(), static_cast<const std::byte*>(owner->GetTensorRawData()),
                nullptr};
  tensor.owner = std::move(owner);
  return tensor;
}

// What ONNX Runtime 1.31 makes of FP8 quantizers beyond its basic optimizations does not load, or
// yields other values. Models that are written here keep it from that (quantizer_nodes.cc), others
// do not.
bool has_fp8(const Content& content) {
  return std::ranges::any_of(content.model.graph().initializer(),
                             [](const TensorProto& initializer) {
                               const DType dtype = to_dtype(initializer.data_type());
                               return dtype == DType::f8e4m3 || dtype == DType::f8e5m2;
                             });
}

Ort::SessionOptions options_of(const SessionSettings& settings, bool fp8) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(thread_count(settings.threads))
      .SetInterOpNumThreads(1)
      .SetGraphOptimizationLevel(fp8 ? std::min(settings.optimization, ORT_ENABLE_BASIC)
                                     : settings.optimization)
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
    ". It computes few ops in f64 and bf16: convert the model to f32, or read one of bf16 with the "
    "engine openvino";

ValueInfoProto declared(const std::string& name, const Tensor& tensor) {
  ValueInfoProto value;
  value.set_name(name);
  auto* type = value.mutable_type()->mutable_tensor_type();
  type->set_elem_type(to_data_type(tensor.dtype));
  for (int64_t d : tensor.shape) type->mutable_shape()->add_dim()->set_dim_value(d);
  return value;
}

// Smaller ones may be what an optimization looks for: scales, biases, tables of shapes. In bytes.
constexpr size_t kSmallestFed = 64 << 10;

std::vector<const char*> pointers(const std::vector<std::string>& names) {
  std::vector<const char*> pointers;
  for (const std::string& name : names) pointers.push_back(name.c_str());
  return pointers;
}

// ONNX Runtime keeps the domains of all sessions in one table, and two that bring a new one at the
// same time meet there. Once it is known, sessions are made side by side.
Ort::Session made(Ort::Env& env, const std::string& bytes, const Ort::SessionOptions& options,
                  bool own_operators) {
  static std::mutex mutex;
  static std::atomic<bool> known = false;
  std::unique_lock lock(mutex, std::defer_lock);
  if (own_operators && !known) lock.lock();
  Ort::Session session(env, bytes.data(), bytes.size(), options);
  if (own_operators) known = true;
  return session;
}

}  // namespace

std::vector<std::string> declare_weights(GraphProto& graph, const Weights& weights,
                                         size_t smallest) {
  std::vector<std::string> names;
  auto& initializers = *graph.mutable_initializer();
  for (const TensorProto& initializer : initializers) {
    const auto it = weights.find(initializer.name());
    if (it == weights.end() || it->second.byte_size() < smallest) continue;
    *graph.add_input() = declared(it->first, it->second);
    names.push_back(it->first);
  }
  const std::unordered_set<std::string> moved(names.begin(), names.end());
  initializers.erase(
      std::remove_if(initializers.begin(), initializers.end(),
                     [&](const auto& initializer) { return moved.contains(initializer.name()); }),
      initializers.end());
  return names;
}

Session::Session(const Content& content, const SessionSettings& settings)
    : weights_(content.weights) {
  Ort::Env& env = environment();
  try {
    Ort::SessionOptions options = options_of(settings, has_fp8(content));
    ModelProto model = content.model;
    if (settings.feeds_weights)
      for (const std::string& name :
           declare_weights(*model.mutable_graph(), weights_, kSmallestFed))
        fed_.push_back(weights_.extract(name).mapped());
    add_weights(options, weights_);
    const std::string bytes = model.SerializeAsString();
    session_ = made(env, bytes, options, settings.operators != nullptr);
  } catch (const Ort::Exception& error) {
    const std::string cause = cause_of(error);
    if (const NodeProto* node = unknown_node(content.model.graph(), cause))
      fail<ModelError>("onnxruntime", "{}. ONNX Runtime says: {}", about_unknown(*node), cause);
    const bool lacks_kernel = cause.find("Could not find an implementation") != std::string::npos;
    fail<ModelError>("onnxruntime", "ONNX Runtime cannot load the model: {}{}", cause,
                     lacks_kernel ? kNoKernel : "");
  }
  Ort::AllocatorWithDefaultOptions allocator;
  for (size_t i = 0; i < session_.GetInputCount(); ++i)
    input_names_.emplace_back(session_.GetInputNameAllocated(i, allocator).get());
  for (size_t i = 0; i < session_.GetOutputCount(); ++i)
    output_names_.emplace_back(session_.GetOutputNameAllocated(i, allocator).get());
}

std::vector<Tensor> Session::run(std::span<const Tensor> inputs) {
  EIGHTBIT_CHECK(inputs.size() + fed_.size() == input_names_.size(), "{} tensors for {} inputs",
                 inputs.size(), input_names_.size() - fed_.size());
  std::vector<Ort::Value> values;
  for (const Tensor& tensor : inputs) values.push_back(borrow(tensor));
  for (const Tensor& tensor : fed_) values.push_back(borrow(tensor));
  auto results =
      session_.Run(Ort::RunOptions{nullptr}, pointers(input_names_).data(), values.data(),
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
