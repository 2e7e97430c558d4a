// conv(x) * a + b = conv with weights w[o] * a[o] and bias * a + b, where a and b have one value
// for each channel. Gemm is the same with factors of its own, alpha of the weights and beta of the
// bias; ONNX Runtime 1.31 has it in integers where both are 1.
#include "backends/onnx/fold_layers.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backends/onnx/constants.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/copy.h"
#include "backends/onnx/proto/graph_index.h"
#include "base/spill.h"
#include "quant/affine.h"

namespace eightbit::onnx {
namespace {

struct Folding {
  int layer = kNone;
  std::vector<int> absorbed;  // the last one yields the result
  Affine<float> affine;
  size_t axis = 0;          // of the weight's channels
  Tensor weight, bias;      // of the layer; the bias may be empty
  bool keeps_bias = false;  // what the layer adds stays as it is
  bool scales_bias = false;

  bool is_needed() const {
    return !absorbed.empty() || scales_bias ||
           std::ranges::any_of(affine.factor, [](float factor) { return factor != 1.0f; });
  }
};

class Finder {
 public:
  explicit Finder(const Content& content)
      : constants_(content, {}), index_(content.model.graph()) {}

  std::vector<Folding> find() const {
    std::vector<Folding> found;
    for (int i = 0; i < index_.graph().node_size(); ++i)
      if (auto folding = behind(i); folding && folding->is_needed())
        found.push_back(std::move(*folding));
    return found;
  }

 private:
  bool is(int node, std::string_view type) const {
    return index_.node(node).op_type() == type && is_standard(index_.node(node).domain());
  }

  std::optional<Tensor> stored(const std::string& tensor) const {
    if (!constants_.contains(tensor) || constants_.stored(tensor) != tensor) return std::nullopt;
    Tensor value = constants_.value(tensor);
    return value.dtype == DType::f32 ? std::optional(value) : std::nullopt;
  }

  std::optional<Folding> behind(int node) const {
    std::optional<Folding> folding = is(node, "Conv")   ? convolution(node)
                                     : is(node, "Gemm") ? product(node)
                                                        : std::nullopt;
    if (!folding) return std::nullopt;
    const Shape& shape = folding->weight.shape;
    const auto channels = static_cast<size_t>(shape[folding->axis]);
    std::string at = index_.node(node).output(0);
    for (int reader = index_.only_reader(at); reader != kNone && !folding->keeps_bias;
         reader = index_.only_reader(at)) {
      const auto next = affine_of(reader, at, channels, shape.size());
      if (!next) break;
      folding->affine.append(*next);
      folding->absorbed.push_back(reader);
      at = index_.node(reader).output(0);
    }
    return folding;
  }

  static Folding with_factor(int node, const Tensor& weight, size_t axis, float factor) {
    const auto channels = static_cast<size_t>(weight.shape[axis]);
    return {
        node, {},     {std::vector<float>(channels, factor), std::vector<float>(channels, 0.0f)},
        axis, weight, {}};
  }

  bool has_bias(const NodeProto& layer) const {
    return layer.input_size() > 2 && !layer.input(2).empty();
  }

  std::optional<Folding> convolution(int node) const {
    const NodeProto& layer = index_.node(node);
    const auto weight = stored(layer.input(1));
    if (!weight || weight->shape.size() < 3) return std::nullopt;
    Folding folding = with_factor(node, *weight, 0, 1.0f);
    if (has_bias(layer)) {
      const auto bias = stored(layer.input(2));
      if (!bias || element_count(bias->shape) != weight->shape[0]) return std::nullopt;
      folding.bias = *bias;
    }
    return folding;
  }

  std::optional<Folding> product(int node) const {
    const NodeProto& layer = index_.node(node);
    const auto weight = stored(layer.input(1));
    if (!weight || weight->shape.size() != 2) return std::nullopt;
    const size_t axis = int_attribute(layer, "transB", 0) != 0 ? 0 : 1;
    const float alpha = float_attribute(layer, "alpha", 1),
                beta = float_attribute(layer, "beta", 1);
    Folding folding = with_factor(node, *weight, axis, alpha);
    folding.scales_bias = has_bias(layer) && beta != 1;
    if (!has_bias(layer) || beta == 0) return folding;
    const auto bias = stored(layer.input(2));
    const int64_t count = bias ? element_count(bias->shape) : 0;
    const bool by_channel =
        count == weight->shape[axis] && (count == 1 || bias->shape.back() == count);
    if (!bias || !(by_channel || count == 1)) {
      folding.keeps_bias = true, folding.scales_bias = false;
      return folding;
    }
    std::vector<float> values = to_floats(*bias);
    values.resize(static_cast<size_t>(weight->shape[axis]), values[0]);
    // the factors of the affine are those of the weights, alpha among them
    for (float& value : values) value *= beta;
    folding.affine.shift = values;
    return folding;
  }

  std::optional<Affine<float>> affine_of(int node, const std::string& input, size_t channels,
                                         size_t rank) const {
    if (is(node, "BatchNormalization")) return batch_norm(index_.node(node), channels);
    const bool sum = is(node, "Add"), difference = is(node, "Sub"), product = is(node, "Mul"),
               quotient = is(node, "Div");
    if (!sum && !difference && !product && !quotient) return std::nullopt;
    const NodeProto& binary = index_.node(node);
    const int port = binary.input(0) == input ? 1 : 0;
    if (port == 0 && (difference || quotient)) return std::nullopt;
    const auto values = by_channel(binary.input(port), channels, rank);
    if (values.empty()) return std::nullopt;
    auto out = Affine<float>::of(channels);
    for (size_t c = 0; c < channels; ++c) {
      if (sum || difference)
        out.shift[c] = difference ? -values[c] : values[c];
      else
        out.factor[c] = quotient ? 1.0f / values[c] : values[c];
    }
    return out;
  }

  std::optional<Affine<float>> batch_norm(const NodeProto& node, size_t channels) const {
    if (node.input_size() < 5 || int_attribute(node, "training_mode", 0) != 0) return std::nullopt;
    for (int i = 1; i < node.output_size(); ++i)
      if (!node.output(i).empty() && !index_.readers(node.output(i)).empty()) return std::nullopt;
    std::vector<std::vector<float>> p;  // scale, shift, mean, variance
    for (int port = 1; port < 5; ++port) {
      const auto value = stored(node.input(port));
      if (!value) return std::nullopt;
      p.push_back(to_floats(*value));
      if (p.back().size() != channels) return std::nullopt;
    }
    return eightbit::batch_norm<float>(p[0], p[1], p[2], p[3],
                                       float_attribute(node, "epsilon", 1e-5f));
  }

  // Empty unless the tensor broadcasts over all axes but the channels, or over all.
  std::vector<float> by_channel(const std::string& tensor, size_t channels, size_t rank) const {
    const auto value = stored(tensor);
    if (!value || value->shape.size() > rank) return {};
    if (element_count(value->shape) == 1) return std::vector<float>(channels, to_floats(*value)[0]);
    if (value->shape.size() + 1 < rank) return {};
    for (size_t i = 0; i < value->shape.size(); ++i) {
      const bool is_channel = i + rank - value->shape.size() == 1;
      if (value->shape[i] != (is_channel ? static_cast<int64_t>(channels) : 1)) return {};
    }
    return to_floats(*value);
  }

  Constants constants_;
  GraphIndex index_;
};

std::vector<float> scaled_weight(const Folding& folding) {
  std::vector<float> weight = to_floats(folding.weight);
  scale_outputs<float>(weight, folding.weight.shape, {static_cast<int64_t>(folding.axis)},
                       folding.affine.factor);
  return weight;
}

void write_bias(Copy& copy, const Folding& folding, NodeProto& layer) {
  const std::string name = layer.name().empty() ? layer.output(0) : layer.name();
  const auto channels = folding.affine.factor.size();
  const std::vector<float> bias =
      folding.affine.moved(folding.bias.empty() ? std::vector<float>() : to_floats(folding.bias));
  remove_attribute(layer, "beta");
  if (layer.op_type() == "Gemm" && std::ranges::all_of(bias, [](float x) { return x == 0.0f; })) {
    while (layer.input_size() > 2) layer.mutable_input()->RemoveLast();
    return;
  }
  if (layer.input_size() < 3) layer.add_input();
  layer.set_input(
      2, copy.add_initializer(name + "/bias",
                              Tensor::from_floats(bias, {static_cast<int64_t>(channels)})));
}

void fold(Copy& copy, const Folding& folding) {
  GraphProto& graph = *copy.content.model.mutable_graph();
  NodeProto& layer = *graph.mutable_node(folding.layer);
  const bool scaled =
      std::ranges::any_of(folding.affine.factor, [](float factor) { return factor != 1.0f; });
  if (scaled)
    layer.set_input(1, copy.add_initializer(layer.input(1), spilled_floats(scaled_weight(folding),
                                                                           folding.weight.shape)));
  remove_attribute(layer, "alpha");
  if (!folding.keeps_bias) write_bias(copy, folding, layer);
  if (folding.absorbed.empty()) return;
  layer.set_output(0, graph.node(folding.absorbed.back()).output(0));
  for (int node : folding.absorbed) graph.mutable_node(node)->clear_op_type();
}

}  // namespace

void fold_layers(Content& content) {
  const auto found = Finder(content).find();
  if (found.empty()) return;
  Copy copy(std::move(content), {});
  for (const auto& folding : found) fold(copy, folding);
  auto& nodes = *copy.content.model.mutable_graph()->mutable_node();
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                             [](const auto& node) { return node.op_type().empty(); }),
              nodes.end());
  content = std::move(copy.content);
}

}  // namespace eightbit::onnx
