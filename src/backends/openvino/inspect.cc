// Running a model as its users do: outputs and executed precisions.
#include <chrono>
#include <cstring>
#include <map>
#include <openvino/openvino.hpp>
#include <sstream>

#include "backends/openvino/binding.h"
#include "backends/openvino/core.h"
#include "backends/openvino/executor.h"
#include "backends/openvino/model.h"
#include "backends/openvino/types.h"
#include "base/error.h"
#include "base/log.h"

namespace eightbit::openvino {
namespace {

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
  OpenVinoRunner(const ov::Model& model, ov::CompiledModel compiled, bool times_layers)
      : binding_(model),
        stateful_(!model.get_variables().empty()),
        times_layers_(times_layers),
        compiled_(std::move(compiled)),
        request_(compiled_.create_infer_request()) {}

  std::vector<Tensor> run(const Sample& sample) override {
    bound_ = binding_.bind(sample, count_);
    if (stateful_ && sample.reset_state.value_or(true)) reset_states(request_);
    infer(request_, bound_, count_++);
    if (times_layers_) keep_least_times();
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < compiled_.outputs().size(); ++i)
      outputs.push_back(copy_of(request_.get_output_tensor(i)));
    return outputs;
  }

  void again() override { request_.infer(); }

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
  BoundSample bound_;  // keeps the bytes alive that the request reads
  int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<backends::Runner> make_runner(const OpenVinoModel& model,
                                              backends::FloatPrecision precision,
                                              bool times_layers) {
  const auto extra = times_layers ? ov::AnyMap{ov::enable_profiling(true)} : ov::AnyMap{};
  return std::make_unique<OpenVinoRunner>(
      *model.native(), compile_for_cpu(model.native(), precision, extra), times_layers);
}

std::vector<std::unique_ptr<backends::Runner>> make_parallel_runners(const OpenVinoModel& model) {
  const auto compiled = compile_in_f32(
      model.native(), {ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT)});
  std::vector<std::unique_ptr<backends::Runner>> runners;
  for (uint32_t i = 0; i < compiled.get_property(ov::optimal_number_of_infer_requests); ++i)
    runners.push_back(std::make_unique<OpenVinoRunner>(*model.native(), compiled, false));
  return runners;
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
