#include "backends/onnx/op_map.h"

#include <string_view>
#include <unordered_map>

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {
namespace {

using Table = std::unordered_map<std::string_view, Op>;

const Table& standard_table() {
  static const Table table = {
      // with weights
      {"Conv", Op::convolution},
      {"ConvTranspose", Op::convolution_backprop},
      {"DeformConv", Op::deformable_convolution},
      {"MatMul", Op::mat_mul},
      {"Gemm", Op::mat_mul},
      {"LSTM", Op::lstm_sequence},
      {"GRU", Op::gru_sequence},
      {"RNN", Op::rnn_sequence},
      {"Gather", Op::gather},
      {"Attention", Op::scaled_dot_product_attention},
      {"Einsum", Op::einsum},
      // element-wise
      {"Add", Op::add},
      {"Sum", Op::add},
      {"Sub", Op::subtract},
      {"Mul", Op::multiply},
      {"Div", Op::divide},
      {"Max", Op::maximum},
      {"Min", Op::minimum},
      {"Pow", Op::power},
      {"Sqrt", Op::sqrt},
      {"Reciprocal", Op::reciprocal},
      {"Mod", Op::floor_mod},
      {"Equal", Op::equal},
      {"Less", Op::less},
      {"LessOrEqual", Op::less_equal},
      {"Greater", Op::greater},
      {"GreaterOrEqual", Op::greater_equal},
      {"And", Op::logical_and},
      {"Or", Op::logical_or},
      {"Xor", Op::logical_xor},
      {"Not", Op::logical_not},
      // reductions, normalisation, pooling
      {"AveragePool", Op::avg_pool},
      {"GlobalAveragePool", Op::reduce_mean},
      {"ReduceMean", Op::reduce_mean},
      {"ReduceSum", Op::reduce_sum},
      {"ReduceL2", Op::reduce_l2},
      {"ReduceMax", Op::reduce_max},
      {"ReduceMin", Op::reduce_min},
      {"ReduceProd", Op::reduce_prod},
      {"LpNormalization", Op::normalize_l2},
      {"MeanVarianceNormalization", Op::mvn},
      {"LayerNormalization", Op::mvn},
      {"InstanceNormalization", Op::mvn},
      {"GroupNormalization", Op::group_normalization},
      {"BatchNormalization", Op::batch_norm},
      {"Resize", Op::interpolate},
      {"Upsample", Op::interpolate},
      {"MaxPool", Op::max_pool},
      {"GlobalMaxPool", Op::reduce_max},
      {"CumSum", Op::cum_sum},
      // data movement
      {"DepthToSpace", Op::depth_to_space},
      {"SpaceToDepth", Op::space_to_depth},
      {"Expand", Op::broadcast},
      {"CastLike", Op::convert_like},
      {"GatherND", Op::gather_nd},
      {"GatherElements", Op::gather_elements},
      {"Pad", Op::pad},
      {"CenterCropPad", Op::pad},
      {"Reshape", Op::reshape},
      {"Flatten", Op::flatten},
      {"Squeeze", Op::squeeze},
      {"Unsqueeze", Op::unsqueeze},
      {"Scatter", Op::scatter_update},
      {"ScatterElements", Op::scatter_update},
      {"ScatterND", Op::scatter_update},
      {"Split", Op::split},
      {"Slice", Op::strided_slice},  // as NNCF has it for ONNX, and for OpenVINO not
      {"Tile", Op::tile},
      {"Transpose", Op::transpose},
      {"Identity", Op::identity},
      {"Dropout", Op::dropout},
      {"Concat", Op::concat},
      {"Where", Op::select},
      {"Cast", Op::convert},
      {"Shape", Op::shape_of},
      {"Size", Op::shape_of},
      {"Range", Op::range},
      // activations
      {"Relu", Op::relu},
      {"LeakyRelu", Op::prelu},
      {"PRelu", Op::prelu},
      {"Elu", Op::elu},
      {"Selu", Op::selu},
      {"Clip", Op::clamp},
      {"Gelu", Op::gelu},
      {"Sigmoid", Op::sigmoid},
      {"HardSigmoid", Op::hard_sigmoid},
      {"HardSwish", Op::hswish},
      {"Swish", Op::swish},
      {"Tanh", Op::tanh},
      {"Softmax", Op::softmax},
      {"LogSoftmax", Op::log_softmax},
      {"Exp", Op::exp},
      {"Erf", Op::erf},
      {"Sin", Op::sin},
      {"Cos", Op::cos},
      {"Abs", Op::abs},
      {"Mish", Op::mish},
      {"Softplus", Op::softplus},
      {"Round", Op::round_},
      {"Floor", Op::floor_},
      {"Sign", Op::sign},
      // detection, quantization, control flow
      {"TopK", Op::top_k},
      {"NonMaxSuppression", Op::non_max_suppression},
      {"MaxRoiPool", Op::roi_pooling},
      {"RoiAlign", Op::roi_align},
      {"QuantizeLinear", Op::quantize_linear},
      {"DequantizeLinear", Op::dequantize_linear},
      {"If", Op::if_},
      {"Loop", Op::loop},
      {"Scan", Op::tensor_iterator}};
  return table;
}

// ONNX Runtime's own operators.
const Table& microsoft_table() {
  static const Table table = {{"FusedConv", Op::convolution},
                              {"FusedGemm", Op::mat_mul},
                              {"FusedMatMul", Op::mat_mul},
                              {"TransposeMatMul", Op::mat_mul},
                              {"MultiHeadAttention", Op::scaled_dot_product_attention},
                              {"GroupNorm", Op::group_normalization},
                              {"LayerNormalization", Op::mvn},
                              {"Gelu", Op::gelu},
                              {"FastGelu", Op::gelu},
                              {"BiasGelu", Op::gelu},
                              {"QuickGelu", Op::gelu},
                              {"QuantizeLinear", Op::quantize_linear},
                              {"DequantizeLinear", Op::dequantize_linear}};
  return table;
}

Op looked_up(const NodeProto& node) {
  const bool standard = is_standard(node.domain());
  if (!standard && node.domain() != "com.microsoft") return Op::unknown;
  const Table& table = standard ? standard_table() : microsoft_table();
  const auto it = table.find(node.op_type());
  return it == table.end() ? Op::unknown : it->second;
}

// Strides and dilations default to one along each of the spatial axes.
std::vector<int64_t> spatial(const NodeProto& node, std::string_view name, size_t axes,
                             int64_t otherwise) {
  auto values = ints_attribute(node, name);
  if (values.empty()) values.assign(axes, otherwise);
  return values;
}

size_t spatial_axes(const NodeProto& node, const NodeContext& context) {
  if (const auto kernel = ints_attribute(node, "kernel_shape"); !kernel.empty())
    return kernel.size();
  const Shape weight = node.input_size() > 1 ? context.type_of(node.input(1)).shape : Shape{};
  return weight.size() > 2 ? weight.size() - 2 : 0;
}

// What SAME_UPPER and SAME_LOWER come to (ONNX's Conv: outputs of ceil(size / stride)). False where
// sizes are not known.
bool work_out_pads(const NodeProto& node, const NodeContext& context, bool lower,
                   Attributes& attributes) {
  const Shape input = context.type_of(node.input(0)).shape;
  const Shape weight = node.input_size() > 1 ? context.type_of(node.input(1)).shape : Shape{};
  auto kernel = ints_attribute(node, "kernel_shape");
  if (kernel.empty() && weight.size() > 2) kernel.assign(weight.begin() + 2, weight.end());
  if (input.size() != kernel.size() + 2 || attributes.strides.size() != kernel.size()) return false;
  for (size_t i = 0; i < kernel.size(); ++i) {
    const int64_t size = input[i + 2], stride = attributes.strides[i];
    if (size < 1 || kernel[i] < 1 || stride < 1) return false;
    const int64_t reach =
        (kernel[i] - 1) * (attributes.dilations.empty() ? 1 : attributes.dilations[i]) + 1;
    const int64_t all =
        std::max<int64_t>(((size + stride - 1) / stride - 1) * stride + reach - size, 0);
    const int64_t less = all / 2, more = all - less;
    attributes.pads_begin[i] = lower ? more : less;
    attributes.pads_end[i] = lower ? less : more;
  }
  return true;
}

void read_window(const NodeProto& node, const NodeContext& context, bool dilated,
                 Attributes& attributes) {
  const size_t axes = spatial_axes(node, context);
  attributes.strides = spatial(node, "strides", axes, 1);
  if (dilated) attributes.dilations = spatial(node, "dilations", axes, 1);
  const auto pads = spatial(node, "pads", 2 * axes, 0);
  const auto half = pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2);
  attributes.pads_begin.assign(pads.begin(), half);
  attributes.pads_end.assign(half, pads.end());
  const std::string mode = string_attribute(node, "auto_pad", "NOTSET");
  attributes.auto_pad = mode != "NOTSET" && mode != "VALID" &&
                        !work_out_pads(node, context, mode == "SAME_LOWER", attributes);
}

std::optional<int64_t> read_axis(Op op, const NodeProto& node, const NodeContext& context) {
  switch (op) {
    case Op::concat:
      return int_attribute(node, "axis");
    case Op::softmax:
    case Op::log_softmax:
      return int_attribute(node, "axis", context.opset < 13 ? 1 : -1);
    case Op::split:
    case Op::gather:
    case Op::scatter_update:
      return int_attribute(node, "axis", 0);
    default:
      return std::nullopt;
  }
}

}  // namespace

Op map_op(const NodeProto& node) {
  const Op op = looked_up(node);
  const bool grouped = int_attribute(node, "group", 1) != 1;
  if (op == Op::convolution && grouped) return Op::group_convolution;
  if (op == Op::convolution_backprop && grouped) return Op::group_convolution_backprop;
  return op;
}

Attributes read_attributes(const NodeProto& node, const NodeContext& context) {
  Attributes attributes;
  const Op op = map_op(node);
  switch (op) {
    case Op::convolution:
    case Op::group_convolution:
    case Op::convolution_backprop:
    case Op::group_convolution_backprop:
      read_window(node, context, true, attributes);
      break;
    case Op::avg_pool:
    case Op::max_pool:
      read_window(node, context, false, attributes);
      break;
    case Op::mat_mul:
      attributes.transpose_a = int_attribute(node, "transA", 0) != 0;
      attributes.transpose_b = int_attribute(node, "transB", 0) != 0;
      break;
    case Op::gru_sequence:
      attributes.linear_before_reset = int_attribute(node, "linear_before_reset", 0) != 0;
      break;
    case Op::interpolate:
      attributes.nearest = string_attribute(node, "mode", "nearest") == "nearest";
      break;
    default:
      break;
  }
  attributes.axis = read_axis(op, node, context);
  return attributes;
}

std::vector<int> port_order(const NodeProto& node) {
  if (!is_standard(node.domain())) return {};
  if (node.op_type() == "LSTM") return {0, 5, 6, 4, 1, 2, 3, 7};  // X, H, C, lengths, W, R, B, P
  if (node.op_type() == "GRU") return {0, 5, 4, 1, 2, 3};         // X, H, lengths, W, R, B
  return {};
}

}  // namespace eightbit::onnx
