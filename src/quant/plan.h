// The plan: everything that will be done to a model, as plain data. Placement decides where (ranges
// empty), algorithms fill in the numbers, a backend's writer carries it out. It refers to a graph
// by ids and prints names.
#pragma once

#include <eightbit/tensor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "quant/scheme.h"

namespace eightbit {

// Insert a quantizer between `value` and `uses`.
struct Quantizer {
  ValueId value = kNone;
  std::vector<Use> uses;  // sorted; the consumers that read the quantized value
  QuantizerSpec spec;
  bool weight = false;                // `value` is a constant
  std::vector<int64_t> channel_axes;  // of `value`; empty: per tensor
  int group = kNone;                  // members of a group share one set of parameters

  // FakeQuantize(x, low, high, low, high, levels): one entry, or one for each channel (row-major
  // over channel_axes).
  std::vector<float> low, high;
  int levels = 0;
  // FakeConvert(x, scale, shift): FP8 only.
  std::vector<float> scale;

  bool has_range() const { return !low.empty() || !scale.empty(); }
};

// What made a constant another one.
enum class ReplacementReason { smooth_quant, channel_alignment, channel_scales, weight_rounding };
std::string_view to_string(ReplacementReason reason);  // "smooth_quant"
// Nothing for what is no reason's name.
std::optional<ReplacementReason> replacement_reason(std::string_view name);

// Put `tensor` (same shape) in the place of constant `value`, for `uses` (all of them when empty).
struct ConstantReplacement {
  ValueId value = kNone;
  std::vector<Use> uses;
  Tensor tensor;
  ReplacementReason reason = ReplacementReason::weight_rounding;
  // Set where `tensor` is the graph's own times `factor`, by channel of `axis`, before any
  // rounding.
  std::vector<float> factor{};
  int64_t axis = kNone;

  // It holds levels of its quantizer already: rounding it again changes nothing.
  bool is_rounded() const { return reason == ReplacementReason::weight_rounding; }
};

// Multiply `value` by `factor` (one for each channel of `axis`) in front of `uses`.
struct ScaleInsertion {
  ValueId value = kNone;
  std::vector<Use> uses;
  std::vector<float> factor;
  int64_t axis = 1;
};

// Add `shift` (one for each channel of `axis` of output 0) to the output of `node`: into its bias
// where it has one, as a new Add where it has none.
struct BiasShift {
  NodeId node = kNone;
  int64_t axis = 1;
  std::vector<float> shift;
};

// The network now computes (x - shift) / factor, by channel of `axis`, where `value` was measured
// as x.
struct ChannelChange {
  ValueId value = kNone;
  int64_t axis = 1;
  std::vector<float> shift, factor;
};

// Why a node was left in floating point.
struct FloatReason {
  NodeId node = kNone;
  // "ignored by names", "transformer mode", "follows a float branch", ...
  std::string reason;
};

struct Plan {
  std::vector<Quantizer> quantizers;  // activations in graph order, then weights
  std::vector<ScaleInsertion> scales;
  // in order of application; the last one for a constant wins
  std::vector<ConstantReplacement> constants;
  std::vector<BiasShift> biases;
  // what channel alignment did to the network before this plan
  std::vector<ChannelChange> changes;
  std::vector<FloatReason> left_float;  // quantizable nodes, and loops around such
  // what the user should know: matches of the ignored scope, warnings
  std::vector<std::string> notes;
  bool compress_weights = true;  // fold weights to INT8 constants
};

bool reads(const std::vector<Use>& uses, Use use);
// The quantizer of what `use` reads, and what multiplies it before; null without one.
const Quantizer* quantizer_at(const Plan& plan, Use use);
const ScaleInsertion* scale_at(const Plan& plan, Use use);

// Short readable text, the language of the golden files: a line each, e.g.
//   quantize conv1.out -> conv2:0 pool:0 | 8b sym pt | [-1.27, 1.27] 256
//   quantize weight conv2.w -> conv2:1 | 8b sym pc signed narrow axes 0
std::string to_text(const Plan& plan, const Graph& graph, bool with_ranges = true);
// The same for programs; without the tensors of replaced constants (plan_json.h has them).
std::string to_json(const Plan& plan, const Graph& graph);

}  // namespace eightbit
