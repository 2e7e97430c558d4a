// Running a model as it is: outputs, executed precisions, latency and throughput.
#include <chrono>
#include <cstring>
#include <map>
#include <openvino/openvino.hpp>
#include <sstream>

#include "backends/openvino/binding.h"
#include "backends/openvino/core.h"
#include "backends/openvino/model.h"
#include "backends/openvino/types.h"
#include "base/error.h"
#include "base/log.h"

namespace eightbit::openvino {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

ov::CompiledModel compile_in_f32(const std::shared_ptr<const ov::Model>& model,
                                 const ov::AnyMap& extra = {}) {
  ov::AnyMap options = compile_options();
  options.insert(extra.begin(), extra.end());
  return compiled_for_cpu(model, options);
}

ov::CompiledModel compile_for_cpu(const std::shared_ptr<const ov::Model>& model,
                                  backends::FloatPrecision precision, const ov::AnyMap& extra) {
  if (precision == backends::FloatPrecision::f32) return compile_in_f32(model, extra);
  try {
    return compiled_for_cpu(model, extra);
    // as bf16 does on such processors with ONEDNN_MAX_CPU_ISA=AVX2
  } catch (const ModelError& error) {
    auto compiled = compile_in_f32(model, extra);
    log(LogLevel::warning, "{}. With INFERENCE_PRECISION_HINT f32 it can", error.what());
    return compiled;
  }
}

void set_inputs(ov::InferRequest& request, const BoundSample& sample) {
  for (size_t i = 0; i < sample.tensors.size(); ++i) request.set_input_tensor(i, sample.tensors[i]);
}

void reset_states(ov::InferRequest& request) {
  for (auto& state : request.query_state()) state.reset();
}

void infer(ov::InferRequest& request, const BoundSample& sample, int64_t index) {
  try {
    set_inputs(request, sample);
    request.infer();
  } catch (const std::exception& error) {
    fail<DataError>("openvino", "sample {}: inference failed: {}", index, cause_of(error));
  }
}

// A request uses its output tensors again.
Tensor copy_of(const ov::Tensor& tensor) {
  ov::Tensor copy(tensor.get_element_type(), tensor.get_shape());
  tensor.copy_to(copy);
  return share(copy);
}

std::string text_of(const ov::RTMap& info, const std::string& key) {
  const auto it = info.find(key);
  return it == info.end() ? std::string() : it->second.as<std::string>();
}

std::map<std::string, double> milliseconds_by_name(const ov::InferRequest& request) {
  std::map<std::string, double> times;
  for (const auto& layer : request.get_profiling_info())
    times[layer.node_name] = std::chrono::duration<double, std::milli>(layer.real_time).count();
  return times;
}

// Names with commas between.
std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::stringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  return names;
}

bool is_computed(const std::string& type) {
  return !type.empty() && type != "Input" && type != "Output" && type != "Const" &&
         type != "Parameter" && type != "Result";
}

class OpenVinoRunner : public backends::Runner {
 public:
  OpenVinoRunner(const std::shared_ptr<const ov::Model>& model, backends::FloatPrecision precision,
                 bool times_layers = false)
      : binding_(*model),
        stateful_(!model->get_variables().empty()),
        times_layers_(times_layers),
        compiled_(
            compile_for_cpu(model, precision,
                            times_layers ? ov::AnyMap{ov::enable_profiling(true)} : ov::AnyMap{})) {
    request_ = compiled_.create_infer_request();
  }

  std::vector<Tensor> run(const Sample& sample) override {
    const auto bound = binding_.bind(sample, count_);
    if (stateful_ && sample.reset_state.value_or(true)) reset_states(request_);
    infer(request_, bound, count_++);
    if (times_layers_) keep_least_times();
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < compiled_.outputs().size(); ++i)
      outputs.push_back(copy_of(request_.get_output_tensor(i)));
    return outputs;
  }

  std::string precision() const override {
    return compiled_.get_property(ov::hint::inference_precision).to_string();
  }

  std::vector<backends::LayerPrecision> layers() override {
    std::vector<backends::LayerPrecision> layers;
    for (const auto& node : compiled_.get_runtime_model()->get_ordered_ops()) {
      const auto& info = node->get_rt_info();
      const std::string type = text_of(info, "layerType"), name = node->get_friendly_name();
      if (is_computed(type))
        layers.push_back({name, type, text_of(info, "runtimePrecision"), least_[name],
                          split_names(text_of(info, "originalLayersNames"))});
    }
    return layers;
  }

 private:
  void keep_least_times() {
    for (const auto& [name, time] : milliseconds_by_name(request_)) {
      const auto [it, is_new] = least_.emplace(name, time);
      if (!is_new) it->second = std::min(it->second, time);
    }
  }

  Binding binding_;
  bool stateful_ = false, times_layers_ = false;
  std::map<std::string, double> least_;  // milliseconds
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<backends::Runner> OpenVinoModel::runner(backends::FloatPrecision precision) const {
  return std::make_unique<OpenVinoRunner>(model_, precision);
}

std::unique_ptr<backends::Runner> OpenVinoModel::timing_runner(
    backends::FloatPrecision precision) const {
  return std::make_unique<OpenVinoRunner>(model_, precision, true);
}

std::vector<double> OpenVinoModel::latencies(const Sample& sample, double seconds) const {
  constexpr int kWarmUp = 5;
  auto compiled =
      compile_in_f32(model_, {ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY)});
  auto request = compiled.create_infer_request();
  const auto bound = Binding(*model_).bind(sample, 0);
  for (int run = 0; run < kWarmUp; ++run) openvino::infer(request, bound, 0);
  std::vector<double> each;
  for (const auto begin = Clock::now(); each.empty() || seconds_since(begin) < seconds;) {
    const auto start = Clock::now();
    request.infer();
    each.push_back(seconds_since(start));
  }
  return each;
}

double OpenVinoModel::throughput(const Sample& sample, double seconds) const {
  auto compiled =
      compile_in_f32(model_, {ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT)});
  const auto bound = Binding(*model_).bind(sample, 0);
  std::vector<ov::InferRequest> requests;
  for (uint32_t i = 0; i < compiled.get_property(ov::optimal_number_of_infer_requests); ++i)
    openvino::infer(requests.emplace_back(compiled.create_infer_request()), bound, 0);
  const int64_t batch =
      bound.owners.empty() || bound.owners[0].shape.empty() ? 1 : bound.owners[0].shape[0];
  int64_t finished = 0;
  const auto start = Clock::now();
  for (auto& request : requests) request.start_async();
  double elapsed = 0;
  for (size_t i = 0; elapsed < seconds;
       i = (i + 1) % requests.size(), elapsed = seconds_since(start)) {
    requests[i].wait();
    ++finished;
    requests[i].start_async();
  }
  for (auto& request : requests) request.wait();
  finished += static_cast<int64_t>(requests.size());
  return static_cast<double>(finished * batch) / seconds_since(start);
}

std::map<std::string, int64_t> OpenVinoModel::weight_bytes() const {
  std::map<std::string, int64_t> bytes;
  for (const auto& op : model_->get_ordered_ops())
    if (const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(op))
      bytes[constant->get_element_type().to_string()] +=
          static_cast<int64_t>(constant->get_byte_size());
  return bytes;
}

}  // namespace eightbit::openvino
