#include "analysis/layers_alone.h"

#include <algorithm>

#include "analysis/layer_pairs.h"
#include "graph/roles.h"

namespace eightbit {
namespace {

backends::Comparison comparison_of(const Graph& reference, const Graph& quantized, NodeId layer) {
  const Node& node = reference.node(layer);
  backends::Comparison out{node.outputs[0], quantized.node(twin_of(node, quantized)).outputs[0]};
  const Shape& shape = reference.value(out.reference).shape;
  const int64_t axis = output_channel_axis(reference, layer);
  if (axis == kNone || axis >= static_cast<int64_t>(shape.size()) ||
      shape[static_cast<size_t>(axis)] < 1)
    return out;
  out.axis = axis;
  out.channels = shape[static_cast<size_t>(axis)];
  return out;
}

std::vector<float> constant_input(const Graph& graph, const Node& node, size_t port) {
  if (port >= node.inputs.size() || node.inputs[port] == kNone) return {};
  const Value& value = graph.value(node.inputs[port]);
  return value.is_constant() && is_float(value.dtype) ? to_floats(value.constant->load())
                                                      : std::vector<float>{};
}

// Whether an operand of this addition is not what it was; true also where the addition is new.
bool adds_another_constant(const Graph& reference, const Graph& quantized, const Node& addition) {
  const NodeId twin = twin_of(addition, reference);
  for (size_t port = 0; port < addition.inputs.size(); ++port) {
    const auto now = constant_input(quantized, addition, port);
    if (!now.empty() &&
        (twin == kNone || now != constant_input(reference, reference.node(twin), port)))
      return true;
  }
  return false;
}

// Whether the quantized layer has another bias, inside or added behind.
bool is_bias_corrected(const Graph& reference, const Graph& quantized, NodeId layer) {
  constexpr size_t kBiasPort = 2;
  const Node& node = reference.node(layer);
  const Node& twin = quantized.node(twin_of(node, quantized));
  const bool inside = takes_weight(node.op) && node.inputs.size() == kBiasPort + 1;
  if (inside &&
      constant_input(reference, node, kBiasPort) != constant_input(quantized, twin, kBiasPort))
    return true;
  return std::ranges::any_of(quantized.value(twin.outputs[0]).uses, [&](const Use& use) {
    const Node& reader = quantized.node(use.node);
    return reader.op == Op::add && adds_another_constant(reference, quantized, reader);
  });
}

}  // namespace

std::vector<Noise> noise_alone(const backends::Network& reference,
                               const backends::Network& quantized,
                               const Indexed<ValueId, bool>& carries,
                               const std::vector<NodeId>& layers, Quantized what, int threads,
                               const std::function<std::optional<Sample>()>& next,
                               const std::function<void()>& after_sample) {
  backends::NetworkComparison compared;
  compared.other = &quantized;
  compared.cuts = cuts_between(reference.graph(), quantized.graph(), carries);
  if (what == Quantized::weights)
    compared.bypassed = activation_quantizers(reference.graph(), quantized.graph());
  for (NodeId layer : layers)
    compared.comparisons.push_back(comparison_of(reference.graph(), quantized.graph(), layer));
  std::vector<Noise> noise =
      measure_noise(reference, std::move(compared), threads, next, after_sample);
  for (size_t i = 0; i < layers.size(); ++i)
    if (is_bias_corrected(reference.graph(), quantized.graph(), layers[i]))
      noise[i].take_off_constant();
  return noise;
}

}  // namespace eightbit
