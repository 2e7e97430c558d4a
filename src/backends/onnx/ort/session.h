// A model loaded into ONNX Runtime.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "backends/onnx/ort/runtime.h"
#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

struct SessionSettings {
  int threads = 0;  // inside one run; 0: all cores
  GraphOptimizationLevel optimization = ORT_ENABLE_ALL;
  // false: quantizers are computed in float, as they are written
  bool integer_arithmetic = true;
  // Large weights are fed at every run. ONNX Runtime holds a copy of initializers, or two in
  // layouts that its kernels like; this way it reads them where they are.
  bool feeds_weights = false;
  OrtCustomOpDomain* operators = nullptr;  // must outlive the session
  std::filesystem::path profile;           // prefix of the profile's file name; empty: none
};

// Makes inputs, behind those that there are, of weights of at least `smallest` bytes, and returns
// their names.
std::vector<std::string> declare_weights(GraphProto& graph, const Weights& weights,
                                         size_t smallest);

class Session {
 public:
  // Weights are not copied: they are kept alive here. Throws ModelError with ONNX Runtime's reason.
  Session(const Content& content, const SessionSettings& settings);

  // Inputs in the model's order; the outputs own their bytes. May be called from several threads at
  // once. Throws Ort::Exception.
  std::vector<Tensor> run(std::span<const Tensor> inputs);

  const std::vector<std::string>& output_names() const { return output_names_; }
  Ort::TypeInfo output_type(size_t index) const { return session_.GetOutputTypeInfo(index); }
  // Ends profiling and returns the file that holds the profile.
  std::filesystem::path end_profiling();

 private:
  Weights weights_;
  std::vector<Tensor> fed_;  // with every run, behind its inputs
  std::vector<std::string> input_names_, output_names_;
  Ort::Session session_{nullptr};
};

}  // namespace eightbit::onnx
