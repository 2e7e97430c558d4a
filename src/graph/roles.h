// What a node is: the questions that several rooms ask of an op or of a node's place in its graph,
// each answered once. What needs a Plan to be answered is in quant/channels.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/graph.h"

namespace eightbit {

// ---- of an op

// A convolution of any number of groups that is not transposed.
bool is_convolution(Op op);
// A convolution, grouped or not, that spreads each input over several outputs.
bool is_transposed(Op op);
// A product of matrices, one of which may be a weight.
inline bool is_product(Op op) { return row(op).weight_layout == WeightLayout::matmul; }
// What networks are made of: a convolution that is not transposed, or a product of matrices.
inline bool is_layer(Op op) { return is_convolution(op) || is_product(op); }
// Whether the weight is [groups, ...]: a group of outputs reads a group of inputs.
bool has_groups(Op op);
// A layer that runs over a sequence, and has weights for its state.
inline bool is_recurrent(Op op) { return row(op).weight_layout == WeightLayout::recurrent; }
// Whether the op can have a weight: layers, transposed convolutions, recurrent cells, look-ups.
inline bool takes_weight(Op op) { return row(op).weight_layout != WeightLayout::none; }

// Yields values of its first input, moved, repeated or chosen (max_pool, reduce_max), and computes
// none.
inline bool moves(Op op) { return row(op).trait == Trait::agnostic; }
// Yields the values of all its inputs, one input behind the other.
inline bool joins(Op op) { return row(op).trait == Trait::concat; }
// The same of one or more inputs: moves, or joins.
inline bool passes_on(Op op) { return moves(op) || joins(op); }
// Yields rows of its weight.
inline bool looks_up(Op op) { return row(op).trait == Trait::output_as_weight; }
// What the op is before a device is asked, which may know better.
inline Trait trait_of(Op op) { return row(op).trait; }
// Whether quantizers make the op compute in integers, as far as the op goes.
inline bool can_be_quantized(Op op) {
  return row(op).trait == Trait::inputs_quantizable || looks_up(op);
}
// An activation that cuts values off and leaves the others as they are, as quantizers do.
inline bool only_clips(Op op) { return op == Op::relu || op == Op::clamp; }

// A quantizer is one node, or two with integers in between.
bool opens_quantizer(Op op);   // reads floats and rounds them
bool closes_quantizer(Op op);  // yields floats that were rounded
inline bool is_quantizer(Op op) { return opens_quantizer(op) || closes_quantizer(op); }

// ---- of a node in its graph

// Whether input `port` is connected to a constant.
bool reads_constant(const Graph& graph, const Node& node, size_t port);
bool reads_any_constant(const Graph& graph, const Node& node);
// Whether an op of that kind yields the value, itself or through ops that only move it.
bool comes_from(const Graph& graph, ValueId value, Op op);
// The inputs that are connected and no constants, in order.
std::vector<ValueId> varying_inputs(const Graph& graph, const Node& node);

// Input ports that hold a weight: a float constant on a port that can.
std::vector<int32_t> weight_ports(const Graph& graph, const Node& node);
// The first of them, or kNone.
int32_t weight_port(const Graph& graph, NodeId node);
// Whether the constant behind `use` is read there and nowhere else.
bool is_own_constant(const Graph& graph, Use use);

// The constant operand of an Add that alone reads output 0 of the node: a layer's bias, where it
// stands behind the layer. Nothing where there is none.
std::optional<Use> bias_behind(const Graph& graph, NodeId node);

// Axes of the weight behind `use` that number the output channels, row-major, and the axis along
// which an output adds up its inputs; kNone: there is none, or not one (recurrent, embedding).
struct WeightAxes {
  std::vector<int64_t> output_axes;
  int64_t input_axis = kNone;
};
WeightAxes weight_axes(const Graph& graph, Use use);
std::vector<int64_t> output_axes(const Graph& graph, Use use);
// The axis of the weight that meets the channels of the activation one by one. kNone also for
// weights with groups, each of which meets channels of its own.
int64_t input_axis(const Graph& graph, Use use);

// Whether the node multiplies what it reads there by a weight.
bool meets_weight(const Graph& graph, Use use);

// The axis of a value's channels, as convolutions and what stands around them lay them out; kNone
// where the rank is not known or too small.
int64_t channel_axis(const Value& value);
// Channel axis of the node's output 0, which products have at the end; kNone where the rank is not
// known or too small.
int64_t output_channel_axis(const Graph& graph, NodeId node);
// The same of the activation that the node reads there.
int64_t activation_channel_axis(const Graph& graph, Use use);

}  // namespace eightbit
