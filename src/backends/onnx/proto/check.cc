#include "backends/onnx/proto/check.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/sort.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

std::string called(const NodeProto& node) {
  return fmt::format("node '{}' of type {}",
                     node.name().empty() && node.output_size() ? node.output(0) : node.name(),
                     node.op_type());
}

using Names = std::unordered_set<std::string>;

// Inputs that the standard has for ops that are looked into before the engine sees the model.
// Others have one.
int least_inputs(const NodeProto& node) {
  static const std::unordered_map<std::string_view, int> counts = {
      {"Constant", 0},      {"RandomNormal", 0},
      {"RandomUniform", 0}, {"SequenceEmpty", 0},
      {"Optional", 0},      {"Scan", 0},
      {"Loop", 2},          {"Conv", 2},
      {"ConvTranspose", 2}, {"DeformConv", 3},
      {"MatMul", 2},        {"Gemm", 2},
      {"Add", 2},           {"Sub", 2},
      {"Mul", 2},           {"Div", 2},
      {"Pow", 2},           {"Gather", 2},
      {"LSTM", 3},          {"GRU", 3},
      {"RNN", 3},           {"BatchNormalization", 5}};
  if (!is_standard(node.domain())) return 0;
  const auto it = counts.find(node.op_type());
  return it == counts.end() ? 1 : it->second;
}

void check_counts(const NodeProto& node, const std::string& what) {
  const int least = least_inputs(node);
  if (node.input_size() < least || node.output_size() == 0)
    fail<ModelError>("onnx",
                     "{}: {} has {} inputs and {} outputs. It takes at least {} and yields one; "
                     "export the model again",
                     what, called(node), node.input_size(), node.output_size(), least);
}

class GraphCheck {
 public:
  explicit GraphCheck(const std::string& what) : what_(what) {}

  // `outer`: tensors that bodies may read.
  void check(GraphProto& graph, const Names& outer) {
    Names there = outer;
    Names own;
    const auto declare = [&](const std::string& tensor, const std::string& by) {
      if (!own.insert(tensor).second)
        fail<ModelError>(
            "onnx",
            "{}: tensor '{}' is yielded twice, the second time by {}. Export the model again",
            what_, tensor, by);
    };
    for (const auto& input : graph.input()) declare(input.name(), "the inputs");
    // An initializer may be listed among the inputs too: it is the input's default then.
    Names initializers;
    for (const auto& initializer : graph.initializer()) {
      if (!initializers.insert(initializer.name()).second)
        declare(initializer.name(), "the initializers");
      own.insert(initializer.name());
    }
    for (const auto& initializer : graph.sparse_initializer())
      own.insert(initializer.values().name());
    for (const auto& node : graph.node())
      for (const auto& output : node.output())
        if (!output.empty()) declare(output, called(node));
    there.insert(own.begin(), own.end());
    check_reads(graph, there);
    if (const auto* stuck = sort_nodes(graph))
      fail<ModelError>("onnx", "{}: {} depends on its own output. Export the model again", what_,
                       called(*stuck));
  }

 private:
  void check_reads(GraphProto& graph, const Names& there) {
    for (auto& node : *graph.mutable_node()) {
      if (node.op_type().empty())
        fail<ModelError>("onnx", "{}: node '{}' has no type. Export the model again", what_,
                         node.name());
      check_counts(node, what_);
      for (const auto& input : node.input())
        if (!input.empty() && !there.contains(input))
          fail<ModelError>("onnx",
                           "{}: {} reads '{}', which is no input, no initializer and no output of "
                           "a node. Export the "
                           "model with its weights",
                           what_, called(node), input);
      for (auto* body : bodies_of(node)) check(*body, there);
    }
    for (const auto& output : graph.output())
      if (!there.contains(output.name()))
        fail<ModelError>("onnx", "{}: nothing yields its output '{}'. Export the model again",
                         what_, output.name());
  }

  const std::string& what_;
};

}  // namespace

int64_t opset_of(const ModelProto& model) {
  for (const auto& import : model.opset_import())
    if (is_standard(import.domain())) return import.version();
  return 0;
}

void check_model(ModelProto& model, const std::string& what) {
  if (!model.has_graph() || model.graph().output_size() == 0)
    fail<ModelError>(
        "read", "{} is no ONNX model: it has no graph with outputs. Export or copy the model again",
        what);
  if (std::ranges::none_of(model.opset_import(),
                           [](const auto& import) { return is_standard(import.domain()); }))
    fail<ModelError>(
        "onnx", "{} uses none of the standard operators, so there is nothing to quantize", what);
  const int64_t opset = opset_of(model);
  if (opset < kOldestOpset || opset > kNewestOpset)
    fail<ModelError>("onnx",
                     "{} has version {} of the standard operators. Allowed are {} to {}; convert "
                     "the model with onnx.version_converter",
                     what, opset, kOldestOpset, kNewestOpset);
  for (const auto& function : model.functions())
    for (const auto& node : function.node()) check_counts(node, what);
  GraphCheck(what).check(*model.mutable_graph(), {});
}

}  // namespace eightbit::onnx
