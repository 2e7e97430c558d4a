#include "graph/op_table.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"
#include "base/nearest.h"

namespace eightbit {
namespace {

constexpr Trait kFloat = Trait::non_quantizable;
constexpr Trait kInputs = Trait::inputs_quantizable;
constexpr Trait kPass = Trait::agnostic;
constexpr WeightLayout kNoWeight = WeightLayout::none;

constexpr uint32_t kConv = kLinear | kBias | kOverflowSet | kUnifiesConcat;
constexpr uint32_t kCompare = kElementwise | kTransformerIgnored;
constexpr uint32_t kNorm = kTransformerIgnored;

constexpr OpRow kRows[] = {
    {Op::unknown, "unknown", kFloat, kNoWeight, 0, 0},
    {Op::parameter, "parameter", kFloat, kNoWeight, 0, 0},
    {Op::result, "result", kFloat, kNoWeight, 0, 0},
    {Op::read_value, "read_value", kFloat, kNoWeight, 0, 0},
    {Op::assign, "assign", kFloat, kNoWeight, 0, 0},

    {Op::convolution, "convolution", kInputs, WeightLayout::output_first, 2,
     kConv | kFirstLayerConv | kPreservesFloatProducers | kSmoothQuantConv, kFirstTwoPorts},
    {Op::group_convolution, "group_convolution", kInputs, WeightLayout::grouped, 2, kConv,
     kFirstTwoPorts},
    {Op::depthwise_convolution, "depthwise_convolution", kInputs, WeightLayout::grouped, 2,
     kLinear | kBias | kOverflowSet, kFirstTwoPorts},
    {Op::convolution_backprop, "convolution_backprop", kInputs, WeightLayout::output_second, 2,
     kConv, kFirstTwoPorts},
    {Op::group_convolution_backprop, "group_convolution_backprop", kInputs,
     WeightLayout::grouped_backprop, 2, kConv, kFirstTwoPorts},
    {Op::deformable_convolution, "deformable_convolution", kFloat, kNoWeight, 0, kLinear},
    {Op::mat_mul, "mat_mul", kInputs, WeightLayout::matmul, 2, kConv | kSmoothQuantMatMul,
     kFirstTwoPorts},
    {Op::grouped_mat_mul, "grouped_mat_mul", kFloat, WeightLayout::grouped, 2, 0},
    {Op::lstm_sequence, "lstm_sequence", kInputs, WeightLayout::recurrent, 6,
     kPreservesFloatProducers},
    {Op::gru_sequence, "gru_sequence", kInputs, WeightLayout::recurrent, 5, 0},
    {Op::rnn_sequence, "rnn_sequence", kFloat, kNoWeight, 0, 0},
    {Op::lstm_cell, "lstm_cell", kFloat, kNoWeight, 0, 0},
    {Op::gru_cell, "gru_cell", kFloat, kNoWeight, 0, 0},
    {Op::embedding, "embedding", Trait::output_as_weight, WeightLayout::embedding, 1, 0},
    {Op::embedding_bag, "embedding_bag", Trait::output_as_weight, WeightLayout::embedding, 1, 0},
    {Op::scaled_dot_product_attention, "scaled_dot_product_attention", kInputs, kNoWeight, 0,
     kUnifiesConcat},
    {Op::einsum, "einsum", kFloat, kNoWeight, 0, 0},

    {Op::add, "add", kInputs, kNoWeight, 0, kElementwise | kArithmetic | kTransformerIgnored},
    {Op::subtract, "subtract", kInputs, kNoWeight, 0,
     kElementwise | kArithmetic | kTransformerIgnored},
    {Op::multiply, "multiply", kInputs, kNoWeight, 0,
     kElementwise | kArithmetic | kTransformerIgnoredUnlessSpr},
    {Op::divide, "divide", kInputs, kNoWeight, 0, kElementwise | kArithmetic | kTransformerIgnored},
    {Op::maximum, "maximum", kInputs, kNoWeight, 0, kElementwise | kTransformerIgnored},
    {Op::minimum, "minimum", kInputs, kNoWeight, 0, kElementwise},
    {Op::power, "power", kInputs, kNoWeight, 0, kTransformerIgnored},
    {Op::sqrt, "sqrt", kInputs, kNoWeight, 0, kTransformerIgnored},
    {Op::reciprocal, "reciprocal", kInputs, kNoWeight, 0, kTransformerIgnored},
    {Op::squared_difference, "squared_difference", kInputs, kNoWeight, 0, kTransformerIgnored},
    {Op::floor_mod, "floor_mod", kInputs, kNoWeight, 0, kElementwise},
    {Op::equal, "equal", kInputs, kNoWeight, 0, kCompare},
    {Op::not_equal, "not_equal", kInputs, kNoWeight, 0, kCompare},
    {Op::less, "less", kInputs, kNoWeight, 0, kCompare},
    {Op::less_equal, "less_equal", kInputs, kNoWeight, 0, kCompare},
    {Op::greater, "greater", kInputs, kNoWeight, 0, kCompare},
    {Op::greater_equal, "greater_equal", kInputs, kNoWeight, 0, kCompare},
    {Op::logical_and, "logical_and", kInputs, kNoWeight, 0, kElementwise},
    {Op::logical_or, "logical_or", kInputs, kNoWeight, 0, kElementwise},
    {Op::logical_xor, "logical_xor", kInputs, kNoWeight, 0, kElementwise},
    {Op::logical_not, "logical_not", kInputs, kNoWeight, 0, 0},

    {Op::avg_pool, "avg_pool", kInputs, kNoWeight, 0, kTransformerIgnored, kFirstPort},
    {Op::adaptive_avg_pool, "adaptive_avg_pool", kInputs, kNoWeight, 0, 0, kFirstPort},
    {Op::reduce_mean, "reduce_mean", kInputs, kNoWeight, 0, kTransformerIgnored, kFirstPort},
    {Op::reduce_sum, "reduce_sum", kInputs, kNoWeight, 0, kTransformerIgnored, kFirstPort},
    {Op::reduce_l2, "reduce_l2", kInputs, kNoWeight, 0, kTransformerIgnored, kFirstPort},
    {Op::normalize_l2, "normalize_l2", kInputs, kNoWeight, 0, 0, kFirstPort},
    {Op::mvn, "mvn", kInputs, kNoWeight, 0, kNorm, kFirstPort},
    {Op::group_normalization, "group_normalization", kInputs, kNoWeight, 0, kNorm},
    {Op::batch_norm, "batch_norm", kInputs, kNoWeight, 0, kNorm},
    {Op::interpolate, "interpolate", kInputs, kNoWeight, 0, 0, kFirstPort},

    {Op::max_pool, "max_pool", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::adaptive_max_pool, "adaptive_max_pool", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::reduce_max, "reduce_max", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::batch_to_space, "batch_to_space", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::space_to_batch, "space_to_batch", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::depth_to_space, "depth_to_space", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::space_to_depth, "space_to_depth", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::broadcast, "broadcast", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::convert_like, "convert_like", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::gather, "gather", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::gather_nd, "gather_nd", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::gather_elements, "gather_elements", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::pad, "pad", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::reshape, "reshape", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::flatten, "flatten", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::squeeze, "squeeze", kPass, kNoWeight, 0, kTransformerIgnored, kFirstPort},
    {Op::unsqueeze, "unsqueeze", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::scatter_update, "scatter_update", kPass, kNoWeight, 0, 0},
    {Op::shuffle_channels, "shuffle_channels", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::split, "split", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::strided_slice, "strided_slice", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::slice, "slice", kFloat, kNoWeight, 0, 0, kFirstPort},
    {Op::tile, "tile", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::transpose, "transpose", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::identity, "identity", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::dropout, "dropout", kPass, kNoWeight, 0, 0, kFirstPort},
    {Op::concat, "concat", Trait::concat, kNoWeight, 0, kUnifiedScales},

    {Op::relu, "relu", kFloat, kNoWeight, 0, kActivation},
    {Op::prelu, "prelu", kFloat, kNoWeight, 0, kActivation},
    {Op::elu, "elu", kFloat, kNoWeight, 0, kActivation},
    {Op::selu, "selu", kFloat, kNoWeight, 0, kActivation},
    {Op::clamp, "clamp", kFloat, kNoWeight, 0, kActivation},
    {Op::gelu, "gelu", kFloat, kNoWeight, 0, kSelfGated},
    {Op::sigmoid, "sigmoid", kFloat, kNoWeight, 0, kActivation},
    {Op::hard_sigmoid, "hard_sigmoid", kFloat, kNoWeight, 0, kActivation},
    {Op::hsigmoid, "hsigmoid", kFloat, kNoWeight, 0, kActivation},
    {Op::swish, "swish", kFloat, kNoWeight, 0, kActivation | kSelfGated},
    {Op::hswish, "hswish", kFloat, kNoWeight, 0, kActivation | kSelfGated},
    {Op::tanh, "tanh", kFloat, kNoWeight, 0, 0},
    {Op::softmax, "softmax", kFloat, kNoWeight, 0, 0},
    {Op::log_softmax, "log_softmax", kFloat, kNoWeight, 0, 0},
    {Op::exp, "exp", kFloat, kNoWeight, 0, 0},
    {Op::erf, "erf", kFloat, kNoWeight, 0, 0},
    {Op::sin, "sin", kFloat, kNoWeight, 0, 0},
    {Op::cos, "cos", kFloat, kNoWeight, 0, 0},
    {Op::abs, "abs", kFloat, kNoWeight, 0, 0},
    {Op::mish, "mish", kFloat, kNoWeight, 0, kSelfGated},
    {Op::softplus, "softplus", kFloat, kNoWeight, 0, 0},
    {Op::round_, "round", kFloat, kNoWeight, 0, 0},
    {Op::floor_, "floor", kFloat, kNoWeight, 0, 0},
    {Op::sign, "sign", kFloat, kNoWeight, 0, 0},

    {Op::convert, "convert", kFloat, kNoWeight, 0, 0},
    {Op::shape_of, "shape_of", kFloat, kNoWeight, 0, 0},
    {Op::range, "range", kFloat, kNoWeight, 0, 0},
    {Op::top_k, "top_k", kFloat, kNoWeight, 0, kPostProcessing, kFirstPort},
    {Op::non_max_suppression, "non_max_suppression", kFloat, kNoWeight, 0, kPostProcessing,
     kFirstTwoPorts},
    {Op::roi_pooling, "roi_pooling", kFloat, kNoWeight, 0, 0, kFirstPort},
    {Op::roi_align, "roi_align", kFloat, kNoWeight, 0, 0, kFirstPort},
    {Op::reduce_min, "reduce_min", kFloat, kNoWeight, 0, 0},
    {Op::reduce_prod, "reduce_prod", kFloat, kNoWeight, 0, 0},
    {Op::cum_sum, "cum_sum", kFloat, kNoWeight, 0, 0},
    {Op::select, "select", kFloat, kNoWeight, 0, 0},
    {Op::fake_quantize, "fake_quantize", kFloat, kNoWeight, 0, 0},
    {Op::fake_convert, "fake_convert", kFloat, kNoWeight, 0, 0},
    {Op::quantize_linear, "quantize_linear", kFloat, kNoWeight, 0, 0},
    {Op::dequantize_linear, "dequantize_linear", kFloat, kNoWeight, 0, 0},
    {Op::if_, "if", kFloat, kNoWeight, 0, 0},
    {Op::loop, "loop", kFloat, kNoWeight, 0, 0},
    {Op::tensor_iterator, "tensor_iterator", kFloat, kNoWeight, 0, 0},
};

constexpr bool rows_follow_enum() {
  for (size_t i = 0; i < std::size(kRows); ++i)
    if (kRows[i].op != static_cast<Op>(i)) return false;
  return kRows[std::size(kRows) - 1].op == Op::tensor_iterator;
}
static_assert(rows_follow_enum(),
              "op_table.cc: one row for each Op, in the order of the enumeration");

// Batch axes and the output axis; a vector has neither.
std::vector<int64_t> matmul_axes(int rank, int port, bool transpose) {
  if (rank < 2) return {};
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis + 2 < rank; ++axis) axes.push_back(axis);
  axes.push_back((port == 0) == transpose ? rank - 1 : rank - 2);
  return axes;
}

}  // namespace

const OpRow& row(Op op) { return kRows[static_cast<size_t>(op)]; }

std::span<const OpRow> op_table() { return kRows; }

Op op_from_name(std::string_view name) {
  const auto it = std::ranges::find(kRows, name, &OpRow::name);
  if (it != std::end(kRows)) return it->op;
  std::vector<std::string> known;
  for (const OpRow& r : kRows) known.emplace_back(r.name);
  fail<InvalidArgument>("op table", "there is no op '{}'.{}", name, suggestion(name, known));
}

std::vector<int64_t> weight_channel_axes(Op op, int rank, int port, bool transpose_a,
                                         bool transpose_b) {
  std::vector<int64_t> axes;
  switch (row(op).weight_layout) {
    case WeightLayout::none:
      break;
    case WeightLayout::output_first:
    case WeightLayout::embedding:
      axes = {0};
      break;
    case WeightLayout::output_second:
    case WeightLayout::recurrent:
      axes = {1};
      break;
    case WeightLayout::grouped:
      axes = {0, 1};
      break;
    case WeightLayout::grouped_backprop:
      axes = {0, 2};
      break;
    case WeightLayout::matmul:
      return matmul_axes(rank, port, port == 0 ? transpose_a : transpose_b);
  }
  std::erase_if(axes, [rank](int64_t axis) { return axis >= rank; });
  return axes;
}

}  // namespace eightbit
