#include "backends/onnx/runtime_faults.h"

#include <algorithm>
#include <vector>

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {
namespace {

class Chain {
 public:
  Chain(const Reading& reading, const GraphProto& model, const Plan& plan)
      : reading_(reading), model_(model), graph_(reading.graph), plan_(plan) {}

  bool is_broken_at(const Quantizer& quantizer) const {
    if (quantizer.weight || quantizer.uses.size() != 1) return false;
    const Use end = quantizer.uses.front();
    const Value& input = graph_.value(graph_.node(end.node).inputs[static_cast<size_t>(end.port)]);
    if (end.port != 0 || !is_product_with_weights(graph_.node(end.node)) || !has_few_rows(input))
      return false;
    std::vector<const Node*> between;  // from the later product upwards
    for (ValueId at = input.id;;) {
      const Value& value = graph_.value(at);
      if (value.uses.size() != 1 || value.producer == kNone) return false;
      const Node& node = graph_.node(value.producer);
      if (is_product_with_weights(node)) return !is_computed_rightly(node, between, quantizer);
      if (!computes_by_element(node)) return false;
      between.push_back(&node);
      at = varying_input(node);
      if (at == kNone) return false;
    }
  }

 private:
  static bool has_few_rows(const Value& input) {
    constexpr int64_t kMostRows = 8;
    return input.rank_known && input.shape.size() == 2 && input.shape[0] >= 1 &&
           input.shape[0] <= kMostRows;
  }

  bool is_product_with_weights(const Node& node) const {
    if (node.op != Op::mat_mul || node.attributes.transpose_a || node.inputs.size() < 2)
      return false;
    const ValueId weight = node.inputs[1];
    return weight != kNone && graph_.value(weight).is_constant() &&
           graph_.value(weight).shape.size() == 2;
  }

  static bool computes_by_element(const Node& node) {
    constexpr Op kOthers[] = {Op::gelu, Op::tanh,  Op::exp,  Op::erf,      Op::sin,
                              Op::cos,  Op::abs,   Op::mish, Op::softplus, Op::round_,
                              Op::sqrt, Op::power, Op::sign, Op::floor_};
    return has(node.op, kElementwise | kArithmetic | kActivation) ||
           std::ranges::find(kOthers, node.op) != std::end(kOthers);
  }

  // kNone where there are several
  ValueId varying_input(const Node& node) const {
    ValueId found = kNone;
    for (ValueId input : node.inputs) {
      if (input == kNone || graph_.value(input).is_constant()) continue;
      if (found != kNone) return kNone;
      found = input;
    }
    return found;
  }

  // A bias by channel, an activation, a quantizer with one range.
  bool is_computed_rightly(const Node& product, std::vector<const Node*> between,
                           const Quantizer& quantizer) const {
    if (quantizer.low.size() != 1) return false;
    const bool sum = !between.empty() && between.back()->op == Op::add;
    if (sum && adds_by_channel(*between.back()))
      between.pop_back();
    else if (!product_adds_by_channel(product))
      return false;
    constexpr Op kPlain[] = {Op::relu, Op::sigmoid, Op::tanh, Op::gelu};
    return between.empty() ||
           (between.size() == 1 && std::ranges::find(kPlain, between[0]->op) != std::end(kPlain));
  }

  bool product_adds_by_channel(const Node& product) const {
    const NodeProto& proto = model_.node(reading_.nodes[static_cast<size_t>(product.id)].back());
    if (float_attribute(proto, "alpha", 1) != 1) return false;
    const bool corrected =
        std::ranges::find(plan_.biases, product.id, &BiasShift::node) != plan_.biases.end();
    if (product.inputs.size() > 2 && product.inputs[2] != kNone)
      return float_attribute(proto, "beta", 1) == 1 &&
             is_by_channel(graph_.value(product.inputs[2]));
    return corrected;
  }

  bool adds_by_channel(const Node& add) const {
    return std::ranges::any_of(add.inputs, [this](ValueId input) {
      return input != kNone && is_by_channel(graph_.value(input));
    });
  }

  static bool is_by_channel(const Value& bias) {
    return bias.is_constant() && !bias.shape.empty() && bias.shape.back() > 1 &&
           element_count(bias.shape) == bias.shape.back();
  }

  const Reading& reading_;
  const GraphProto& model_;
  const Graph& graph_;
  const Plan& plan_;
};

}  // namespace

bool stands_in_a_broken_chain(const Reading& reading, const GraphProto& model, const Plan& plan,
                              const Quantizer& quantizer) {
  return Chain(reading, model, plan).is_broken_at(quantizer);
}

}  // namespace eightbit::onnx
