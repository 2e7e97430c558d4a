// Running a model as it is: outputs, executed precisions, latency and throughput.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "backends/onnx/bodies.h"
#include "backends/onnx/graph_index.h"
#include "backends/onnx/inputs.h"
#include "backends/onnx/session.h"
#include "base/error.h"
#include "base/scratch_folder.h"
#include "base/thread_pool.h"

namespace eightbit::onnx {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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
  explicit OnnxRunner(const OnnxModel& model)
      : binding_(binding_of(model)), session_(with_closed_bodies(model.content()), {}) {}

  std::vector<Tensor> run(const Sample& sample) override {
    const int64_t index = count_++;
    return onnx::run(session_, binding_.bind(sample, index), index);
  }

 private:
  backends::Binding binding_;
  Session session_;
  int64_t count_ = 0;
};

class OnnxTimingRunner : public backends::Runner {
 public:
  explicit OnnxTimingRunner(const OnnxModel& model)
      : binding_(binding_of(model)),
        index_(model.native().graph()),
        session_(with_closed_bodies(model.content()), settings()) {}

  std::vector<Tensor> run(const Sample& sample) override {
    const int64_t index = count_++;
    return onnx::run(session_, binding_.bind(sample, index), index);
  }

  std::vector<backends::LayerPrecision> layers() override {
    std::ifstream file(session_.end_profiling());
    return layers_of(nlohmann::json::parse(file), index_);
  }

 private:
  SessionSettings settings() const {
    SessionSettings settings;
    settings.profile = folder_.path() / "profile";
    return settings;
  }

  const ScratchFolder folder_;
  backends::Binding binding_;
  GraphIndex index_;
  Session session_;
  int64_t count_ = 0;
};

}  // namespace

// ONNX Runtime computes floats as they are written.
std::unique_ptr<backends::Runner> OnnxModel::runner(backends::FloatPrecision) const {
  return std::make_unique<OnnxRunner>(*this);
}

std::unique_ptr<backends::Runner> OnnxModel::timing_runner(backends::FloatPrecision) const {
  return std::make_unique<OnnxTimingRunner>(*this);
}

std::vector<double> OnnxModel::latencies(const Sample& sample, double seconds) const {
  constexpr int kWarmUp = 5;
  const auto inputs = binding_of(*this).bind(sample, 0);
  Session session(with_closed_bodies(content()), {});
  for (int i = 0; i < kWarmUp; ++i) run(session, inputs, 0);
  std::vector<double> each;
  for (const auto begin = Clock::now(); each.empty() || seconds_since(begin) < seconds;) {
    const auto start = Clock::now();
    session.run(inputs);
    each.push_back(seconds_since(start));
  }
  return each;
}

// One run a core at a time, each on one thread.
double OnnxModel::throughput(const Sample& sample, double seconds) const {
  const auto inputs = binding_of(*this).bind(sample, 0);
  SessionSettings settings;
  settings.threads = 1;
  Session session(with_closed_bodies(content()), settings);
  run(session, inputs, 0);
  const int64_t batch = inputs.empty() || inputs[0].shape.empty() ? 1 : inputs[0].shape[0];
  const int streams = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::atomic<int64_t> finished = 0;
  const auto start = Clock::now();
  {
    ThreadPool pool(streams);
    for (int i = 0; i < streams; ++i)
      pool.submit([&] {
        while (seconds_since(start) < seconds) {
          session.run(inputs);
          ++finished;
        }
      });
  }
  return static_cast<double>(finished * batch) / seconds_since(start);
}

}  // namespace eightbit::onnx
