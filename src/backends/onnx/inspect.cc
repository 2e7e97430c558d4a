// Running a model as its users do: outputs and executed precisions.
#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "backends/onnx/bodies/closing.h"
#include "backends/onnx/executor.h"
#include "backends/onnx/inputs.h"
#include "backends/onnx/ort/session.h"
#include "backends/onnx/proto/graph_index.h"
#include "base/error.h"
#include "base/scratch_folder.h"

namespace eightbit::onnx {
namespace {

std::vector<Tensor> run(Session& session, std::span<const Tensor> inputs, int64_t index) {
  try {
    return session.run(inputs);
  } catch (const Ort::Exception& error) {
    fail<DataError>("onnxruntime", "sample {}: inference failed: {}", index, cause_of(error));
  }
}

// ONNX Runtime writes C++ names of types.
std::string short_type(const std::string& name) {
  static const std::map<std::string, std::string> names = {
      {"float", "f32"},   {"double", "f64"}, {"float16", "f16"}, {"bfloat16", "bf16"},
      {"int8", "i8"},     {"uint8", "u8"},   {"int16", "i16"},   {"uint16", "u16"},
      {"int32", "i32"},   {"uint32", "u32"}, {"int64", "i64"},   {"uint64", "u64"},
      {"bool", "boolean"}};
  const auto it = names.find(name);
  return it == names.end() ? name : it->second;
}

std::string first_type(const nlohmann::json& types) {
  for (const auto& entry : types)
    if (entry.is_object() && !entry.empty()) return short_type(entry.begin().key());
  return "";
}

// A layer computes in the type of its first input; a dequantizer in what it yields.
std::string precision_of(const std::string& type, const nlohmann::json& event) {
  const bool by_output = type == "DequantizeLinear";
  const auto types = event.find(by_output ? "output_type_shape" : "input_type_shape");
  return types == event.end() ? "" : first_type(*types);
}

// ONNX Runtime adds "_token_7" to the name of a node that it made anew.
std::string without_token(std::string name) {
  const size_t at = name.rfind("_token_");
  const bool counted =
      at != std::string::npos && name.find_first_not_of("0123456789", at + 7) == std::string::npos;
  return counted ? name.substr(0, at) : name;
}

// The nodes that became a layer. A convolution in a blocked layout is called after its output,
// which may be that of an activation behind it.
std::vector<std::string> nodes_of(const std::string& layer, const std::string& type,
                                  const GraphIndex& index) {
  constexpr std::string_view kBlocked = "_nchwc";
  const std::string name = without_token(layer);
  if (!name.ends_with(kBlocked)) return {name};
  std::vector<std::string> nodes;
  int node = index.producer(std::string_view(name).substr(0, name.size() - kBlocked.size()));
  for (int steps = 0; node != kNone && steps < 4; ++steps) {
    nodes.push_back(index.node(node).name());
    if (index.node(node).op_type() == type || index.node(node).input_size() == 0) break;
    node = index.producer(index.node(node).input(0));
  }
  return nodes;
}

// The shortest time of each node over all runs, in the order of execution.
std::vector<backends::LayerPrecision> layers_of(const nlohmann::json& events,
                                                const GraphIndex& index) {
  constexpr std::string_view kSuffix = "_kernel_time";
  std::vector<backends::LayerPrecision> layers;
  std::map<std::string, size_t> places;
  for (const auto& event : events) {
    std::string name = event.value("name", "");
    if (event.value("cat", "") != "Node" || !name.ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    const auto& facts = event.at("args");
    const std::string type = facts.value("op_name", "");
    const double milliseconds = event.value("dur", 0.0) / 1e3;
    const auto [place, is_new] = places.emplace(name, layers.size());
    if (is_new)
      layers.push_back(
          {name, type, precision_of(type, facts), milliseconds, nodes_of(name, type, index)});
    else
      layers[place->second].milliseconds =
          std::min(layers[place->second].milliseconds, milliseconds);
  }
  return layers;
}

class OnnxRunner : public backends::Runner {
 public:
  OnnxRunner(const OnnxModel& model, std::shared_ptr<Session> session)
      : binding_(binding_of(model)), session_(std::move(session)) {}

  std::vector<Tensor> run(const Sample& sample) override {
    const int64_t index = count_++;
    inputs_ = binding_.bind(sample, index);
    return onnx::run(*session_, inputs_, index);
  }
  void again() override { session_->run(inputs_); }

 private:
  backends::Binding binding_;
  std::shared_ptr<Session> session_;  // runs for several at once
  std::vector<Tensor> inputs_;
  int64_t count_ = 0;
};

class OnnxTimingRunner : public backends::Runner {
 public:
  explicit OnnxTimingRunner(const OnnxModel& model)
      : index_(model.native().graph()),
        session_(std::make_shared<Session>(with_closed_bodies(model.content()), settings())),
        runner_(model, session_) {}

  std::vector<Tensor> run(const Sample& sample) override { return runner_.run(sample); }
  void again() override { runner_.again(); }

  std::vector<backends::LayerPrecision> layers() override {
    std::ifstream file(session_->end_profiling());
    return layers_of(nlohmann::json::parse(file), index_);
  }

 private:
  SessionSettings settings() const {
    SessionSettings settings;
    settings.profile = folder_.path() / "profile";
    return settings;
  }

  const ScratchFolder folder_;
  GraphIndex index_;
  std::shared_ptr<Session> session_;
  OnnxRunner runner_;
};

}  // namespace

std::unique_ptr<backends::Runner> make_runner(const OnnxModel& model) {
  return std::make_unique<OnnxRunner>(
      model, std::make_shared<Session>(with_closed_bodies(model.content()), SessionSettings{}));
}

std::unique_ptr<backends::Runner> make_timing_runner(const OnnxModel& model) {
  return std::make_unique<OnnxTimingRunner>(model);
}

std::vector<std::unique_ptr<backends::Runner>> make_parallel_runners(const OnnxModel& model) {
  SessionSettings settings;
  settings.threads = 1;
  const auto session = std::make_shared<Session>(with_closed_bodies(model.content()), settings);
  std::vector<std::unique_ptr<backends::Runner>> runners;
  for (int i = 0; i < backends::RunSettings{}.thread_count(); ++i)
    runners.push_back(std::make_unique<OnnxRunner>(model, session));
  return runners;
}

}  // namespace eightbit::onnx
