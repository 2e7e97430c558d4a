#include "backends/openvino/op_map.h"

#include <algorithm>
#include <openvino/op/util/interpolate_base.hpp>
#include <openvino/opsets/opset1.hpp>
#include <openvino/opsets/opset14.hpp>
#include <openvino/opsets/opset8.hpp>
#include <string_view>
#include <unordered_map>

namespace eightbit::openvino {
namespace {

const std::unordered_map<std::string_view, Op>& type_table() {
  static const std::unordered_map<std::string_view, Op> table = {
      {"Parameter", Op::parameter},
      {"Result", Op::result},
      {"ReadValue", Op::read_value},
      {"Assign", Op::assign},
      // with weights
      {"Convolution", Op::convolution},
      {"GroupConvolution", Op::group_convolution},
      {"ConvolutionBackpropData", Op::convolution_backprop},
      {"GroupConvolutionBackpropData", Op::group_convolution_backprop},
      {"DeformableConvolution", Op::deformable_convolution},
      {"MatMul", Op::mat_mul},
      {"GroupedMatMul", Op::grouped_mat_mul},
      {"LSTMSequence", Op::lstm_sequence},
      {"GRUSequence", Op::gru_sequence},
      {"RNNSequence", Op::rnn_sequence},
      {"LSTMCell", Op::lstm_cell},
      {"GRUCell", Op::gru_cell},
      {"Gather", Op::gather},
      {"EmbeddingBagOffsets", Op::embedding_bag},
      {"EmbeddingBagOffsetsSum", Op::embedding_bag},
      {"EmbeddingBagPacked", Op::embedding_bag},
      {"EmbeddingBagPackedSum", Op::embedding_bag},
      {"EmbeddingSegmentsSum", Op::embedding_bag},
      {"ScaledDotProductAttention", Op::scaled_dot_product_attention},
      {"Einsum", Op::einsum},
      // element-wise
      {"Add", Op::add},
      {"Subtract", Op::subtract},
      {"Multiply", Op::multiply},
      {"Divide", Op::divide},
      {"Maximum", Op::maximum},
      {"Minimum", Op::minimum},
      {"Power", Op::power},
      {"Sqrt", Op::sqrt},
      {"SquaredDifference", Op::squared_difference},
      {"FloorMod", Op::floor_mod},
      {"Equal", Op::equal},
      {"NotEqual", Op::not_equal},
      {"Less", Op::less},
      {"LessEqual", Op::less_equal},
      {"Greater", Op::greater},
      {"GreaterEqual", Op::greater_equal},
      {"LogicalAnd", Op::logical_and},
      {"LogicalOr", Op::logical_or},
      {"LogicalXor", Op::logical_xor},
      {"Xor", Op::logical_xor},
      {"LogicalNot", Op::logical_not},
      // reductions, normalisation, pooling
      {"AvgPool", Op::avg_pool},
      {"AdaptiveAvgPool", Op::adaptive_avg_pool},
      {"ReduceMean", Op::reduce_mean},
      {"ReduceSum", Op::reduce_sum},
      {"ReduceL2", Op::reduce_l2},
      {"ReduceMax", Op::reduce_max},
      {"ReduceMin", Op::reduce_min},
      {"ReduceProd", Op::reduce_prod},
      {"NormalizeL2", Op::normalize_l2},
      {"MVN", Op::mvn},
      {"GroupNormalization", Op::group_normalization},
      {"BatchNormInference", Op::batch_norm},
      {"Interpolate", Op::interpolate},
      {"MaxPool", Op::max_pool},
      {"AdaptiveMaxPool", Op::adaptive_max_pool},
      {"CumSum", Op::cum_sum},
      // data movement
      {"BatchToSpace", Op::batch_to_space},
      {"SpaceToBatch", Op::space_to_batch},
      {"DepthToSpace", Op::depth_to_space},
      {"SpaceToDepth", Op::space_to_depth},
      {"Broadcast", Op::broadcast},
      {"ConvertLike", Op::convert_like},
      {"GatherND", Op::gather_nd},
      {"GatherElements", Op::gather_elements},
      {"Pad", Op::pad},
      {"Reshape", Op::reshape},
      {"Squeeze", Op::squeeze},
      {"Unsqueeze", Op::unsqueeze},
      {"ScatterUpdate", Op::scatter_update},
      {"ScatterNDUpdate", Op::scatter_update},
      {"ScatterElementsUpdate", Op::scatter_update},
      {"ShuffleChannels", Op::shuffle_channels},
      {"Split", Op::split},
      {"VariadicSplit", Op::split},
      {"StridedSlice", Op::strided_slice},
      {"Slice", Op::slice},
      {"Tile", Op::tile},
      {"Transpose", Op::transpose},
      {"Identity", Op::identity},
      {"Concat", Op::concat},
      {"Select", Op::select},
      {"Convert", Op::convert},
      {"ShapeOf", Op::shape_of},
      {"Range", Op::range},
      // activations
      {"Relu", Op::relu},
      {"PRelu", Op::prelu},
      {"Elu", Op::elu},
      {"Selu", Op::selu},
      {"Clamp", Op::clamp},
      {"Gelu", Op::gelu},
      {"Sigmoid", Op::sigmoid},
      {"HardSigmoid", Op::hard_sigmoid},
      {"HSigmoid", Op::hsigmoid},
      {"Swish", Op::swish},
      {"HSwish", Op::hswish},
      {"Tanh", Op::tanh},
      {"Softmax", Op::softmax},
      {"LogSoftmax", Op::log_softmax},
      {"Exp", Op::exp},
      {"Erf", Op::erf},
      {"Sin", Op::sin},
      {"Cos", Op::cos},
      {"Abs", Op::abs},
      {"Mish", Op::mish},
      {"SoftPlus", Op::softplus},
      {"Round", Op::round_},
      {"Floor", Op::floor_},
      {"Sign", Op::sign},
      // detection, quantization, control flow
      {"TopK", Op::top_k},
      {"NonMaxSuppression", Op::non_max_suppression},
      {"NMSRotated", Op::non_max_suppression},
      {"MatrixNms", Op::non_max_suppression},
      {"MulticlassNms", Op::non_max_suppression},
      {"ROIPooling", Op::roi_pooling},
      {"PSROIPooling", Op::roi_pooling},
      {"ROIAlign", Op::roi_align},
      {"ROIAlignRotated", Op::roi_align},
      {"FakeQuantize", Op::fake_quantize},
      {"FakeConvert", Op::fake_convert},
      {"If", Op::if_},
      {"Loop", Op::loop},
      {"TensorIterator", Op::tensor_iterator}};
  return table;
}

template <typename T>
std::vector<int64_t> widen(const T& values) {
  return {values.begin(), values.end()};
}

template <typename Window>
void read_window(const Window& node, Attributes& attributes) {
  attributes.strides = widen(node.get_strides());
  attributes.pads_begin = widen(node.get_pads_begin());
  attributes.pads_end = widen(node.get_pads_end());
  // Where the size of the input is known, the node has worked out what automatic padding comes to.
  const auto& shape = node.get_input_partial_shape(0);
  const auto is_same = node.get_auto_pad() == ov::op::PadType::SAME_UPPER ||
                       node.get_auto_pad() == ov::op::PadType::SAME_LOWER;
  const bool sizes_known = shape.rank().is_static() && shape.size() > 2 &&
                           std::all_of(shape.begin() + 2, shape.end(),
                                       [](const auto& size) { return size.is_static(); });
  attributes.auto_pad = is_same && !sizes_known;
}

template <typename T>
bool try_convolution(const ov::Node& node, Attributes& attributes) {
  const auto* convolution = ov::as_type<const T>(&node);
  if (!convolution) return false;
  read_window(*convolution, attributes);
  attributes.dilations = widen(convolution->get_dilations());
  return true;
}

template <typename T>
bool try_pool(const ov::Node& node, Attributes& attributes) {
  const auto* pool = ov::as_type<const T>(&node);
  if (!pool) return false;
  read_window(*pool, attributes);
  return true;
}

bool read_windowed(const ov::Node& node, Attributes& attributes) {
  using namespace ov::opset14;
  return try_convolution<Convolution>(node, attributes) ||
         try_convolution<GroupConvolution>(node, attributes) ||
         try_convolution<ConvolutionBackpropData>(node, attributes) ||
         try_convolution<GroupConvolutionBackpropData>(node, attributes) ||
         try_pool<ov::op::v1::AvgPool>(node, attributes) ||
         try_pool<ov::op::v14::AvgPool>(node, attributes) ||
         try_pool<ov::op::v1::MaxPool>(node, attributes) ||
         try_pool<ov::op::v8::MaxPool>(node, attributes) ||
         try_pool<ov::op::v14::MaxPool>(node, attributes);
}

// The axis in input `port`, where it is a constant scalar.
std::optional<int64_t> axis_input(const ov::Node& node, size_t port) {
  if (node.get_input_size() <= port) return std::nullopt;
  const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node.get_input_node_shared_ptr(port));
  if (!constant || ov::shape_size(constant->get_shape()) != 1) return std::nullopt;
  return constant->cast_vector<int64_t>()[0];
}

std::optional<int64_t> read_axis(const ov::Node& node) {
  if (const auto* op = ov::as_type<const ov::op::v0::Concat>(&node)) return op->get_axis();
  if (const auto* op = ov::as_type<const ov::op::v1::Softmax>(&node))
    return static_cast<int64_t>(op->get_axis());
  if (const auto* op = ov::as_type<const ov::op::v8::Softmax>(&node)) return op->get_axis();
  if (const auto* op = ov::as_type<const ov::op::v5::LogSoftmax>(&node)) return op->get_axis();
  const std::string_view type = node.get_type_info().name;
  if (type == "Split" || type == "VariadicSplit") return axis_input(node, 1);
  if (type == "Gather" || type == "ScatterUpdate")
    return axis_input(node, type == "Gather" ? 2 : 3);
  return std::nullopt;
}

}  // namespace

Op map_op(const ov::Node& node) {
  const auto it = type_table().find(node.get_type_info().name);
  return it == type_table().end() ? Op::unknown : it->second;
}

Attributes read_attributes(const ov::Node& node) {
  Attributes attributes;
  if (const auto* op = ov::as_type<const ov::op::v0::MatMul>(&node)) {
    attributes.transpose_a = op->get_transpose_a();
    attributes.transpose_b = op->get_transpose_b();
  } else if (const auto* op = ov::as_type<const ov::op::v5::GRUSequence>(&node)) {
    attributes.linear_before_reset = op->get_linear_before_reset();
  } else if (const auto* op = ov::as_type<const ov::op::v3::GRUCell>(&node)) {
    attributes.linear_before_reset = op->get_linear_before_reset();
  } else if (const auto* op = ov::as_type<const ov::op::util::InterpolateBase>(&node)) {
    using Mode = ov::op::util::InterpolateBase::InterpolateMode;
    attributes.nearest = op->get_attrs().mode == Mode::NEAREST;
  } else if (const auto* op = ov::as_type<const ov::op::v0::FakeQuantize>(&node)) {
    attributes.levels = static_cast<int64_t>(op->get_levels());
  } else if (!read_windowed(node, attributes) && node.get_input_size() > 0) {
    attributes.axis = read_axis(node);
  }
  return attributes;
}

}  // namespace eightbit::openvino
