// What an op means for quantization, in one table. A backend maps its own op types to `Op`; nothing
// else in the project asks what framework an op came from.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace eightbit {

// clang-format off
enum class Op : uint8_t {
  unknown,            // stays float; blocks propagation
  parameter, result, read_value, assign, convolution, group_convolution, depthwise_convolution,
  convolution_backprop, group_convolution_backprop, deformable_convolution, mat_mul,
  grouped_mat_mul, lstm_sequence, gru_sequence, rnn_sequence, lstm_cell, gru_cell, embedding,
  embedding_bag, scaled_dot_product_attention, einsum, add, subtract, multiply, divide,
  maximum, minimum, power, sqrt, reciprocal, squared_difference, floor_mod, equal, not_equal, less,
  less_equal, greater, greater_equal, logical_and, logical_or, logical_xor, logical_not, avg_pool,
  adaptive_avg_pool, reduce_mean, reduce_sum, reduce_l2, normalize_l2, mvn, group_normalization,
  batch_norm, interpolate,
  max_pool, adaptive_max_pool, reduce_max, batch_to_space, space_to_batch, depth_to_space,
  space_to_depth, broadcast, convert_like, gather, gather_nd, gather_elements, pad, reshape,
  flatten, squeeze, unsqueeze, scatter_update, shuffle_channels, split, strided_slice, slice,
  tile, transpose, identity, dropout, concat, relu, prelu, elu, selu, clamp, gelu, sigmoid,
  hard_sigmoid, hsigmoid, swish, hswish, tanh, softmax, log_softmax, exp, erf, sin, cos, abs,
  mish, softplus, round_, floor_, sign, convert, shape_of, range, top_k, non_max_suppression,
  roi_pooling, roi_align, reduce_min, reduce_prod, cum_sum, select, fake_quantize, fake_convert,
  quantize_linear, dequantize_linear, if_, loop, tensor_iterator
};
// clang-format on

enum class Trait : uint8_t {
  non_quantizable,     // stops quantizers, and forces float on its branch
  inputs_quantizable,  // asks for quantizers on its inputs
  agnostic,            // quantizers pass through
  concat,              // quantizers pass, all inputs or none
  output_as_weight     // the output is the weight itself (embedding look-up)
};

// Which axes of a weight are its output channels (kept by per-channel statistics).
enum class WeightLayout : uint8_t {
  none,
  output_first,      // [O, I, ...]: axis 0
  output_second,     // [I, O, ...]: axis 1 (transposed convolution)
  grouped,           // [G, O, I, ...]: axes 0 and 1
  grouped_backprop,  // [G, I, O, ...]: axes 0 and 2
  matmul,            // every batch axis and the output axis, by transpose flag and port
  recurrent,         // [directions, gates*hidden, in]: axis 1
  embedding          // [rows, width]: axis 0
};

// Inputs that carry data, a bit a port. What the others say (sizes, scales, places, limits) decides
// what the op does, and a rounded number there makes it another op: quantizers neither go there nor
// pass. Biases are added as they are.
constexpr uint8_t kFirstPort = 0b1, kFirstTwoPorts = 0b11, kAllPorts = 0xff;

struct OpRow {
  Op op;
  std::string_view name;  // "convolution"
  Trait trait;            // on CPU, before the device table is consulted
  WeightLayout weight_layout;
  uint8_t weight_ports;  // only inputs below this port can hold a weight; 0: none
  uint32_t flags;
  uint8_t data_ports = kAllPorts;
};

enum OpFlag : uint32_t {
  kElementwise = 1u << 0,     // behaviour: the "constant operand" filter applies
  kOverflowSet = 1u << 1,     // int16 accumulation can overflow; also asks for concat unification
  kFirstLayerConv = 1u << 2,  // what OverflowFix::first_layer_only halves
  kTransformerIgnored = 1u << 3,  // float in models of type transformer
  kTransformerIgnoredUnlessSpr = 1u << 4,
  kPostProcessing = 1u << 5,            // marks a post-processing tail (TopK, NMS)
  kLinear = 1u << 6,                    // LINEAR of the fused patterns
  kActivation = 1u << 7,                // ACT of the fused patterns
  kArithmetic = 1u << 8,                // ARITH of the fused patterns
  kBias = 1u << 9,                      // can carry a bias that is corrected
  kPreservesFloatProducers = 1u << 10,  // float producers inside shape-of subgraphs survive for it
  kSmoothQuantConv = 1u << 11,
  kSmoothQuantMatMul = 1u << 12,
  kUnifiedScales = 1u << 13,  // all inputs share one scale wherever quantizers cross it
  kUnifiesConcat = 1u << 14,  // a concat in front of it gets one scale for all inputs
  kSelfGated = 1u << 15       // an activation without a bound above, and with a tail below zero
};

const OpRow& row(Op op);
inline bool has(Op op, uint32_t flags) { return (row(op).flags & flags) != 0; }
inline bool carries_data(Op op, size_t port) {
  return port < 8 ? ((row(op).data_ports >> port) & 1) != 0 : row(op).data_ports == kAllPorts;
}
std::span<const OpRow> op_table();
// Throws InvalidArgument for an unknown name.
Op op_from_name(std::string_view name);

// Axes of a weight that are its output channels, for a weight of `rank` on input `port`.
std::vector<int64_t> weight_channel_axes(Op op, int rank, int port, bool transpose_a,
                                         bool transpose_b);

}  // namespace eightbit
