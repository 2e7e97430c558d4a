#include "placement/cleanup.h"

#include <algorithm>
#include <map>

namespace eightbit::placement {
namespace {

constexpr int kNothingAbove = -1;
constexpr int kOfTheModel = -3;  // a fake quantize op that the model came with

bool quantizes(Op op) {
  return op == Op::fake_quantize || op == Op::fake_convert || op == Op::dequantize_linear;
}

bool changes_nothing(const QuantizerSpec& below, const QuantizerSpec& above) {
  const bool mode = below.mode == above.mode || above.mode == QuantizationScheme::symmetric;
  const bool granularity = below.per_channel == above.per_channel || !above.per_channel;
  return below.bits == above.bits && below.narrow_range == above.narrow_range && mode &&
         granularity;
}

// Follows each value down through agnostic ops and knows the quantizer that it last passed.
class Descent {
 public:
  Descent(const UnitGraph& units, Placement& placement, const Selection& selection)
      : units_(units), graph_(*units.flow.graph), placement_(placement), selection_(selection) {
    above_.assign(graph_.values.size(), kNothingAbove);
    at_value_.assign(graph_.values.size(), -1);
    for (size_t i = 0; i < placement.quantizers.size(); ++i) {
      const Placed& q = placement.quantizers[i];
      if (q.dropped) continue;
      if (q.use.node == kNone)
        at_value_[static_cast<size_t>(q.value)] = static_cast<int>(i);
      else
        at_use_[q.use] = static_cast<int>(i);
    }
  }

  void run() {
    for (const Unit& unit : units_.units) {
      const int incoming = above_input(unit);
      for (ValueId output : units_.last(unit).outputs) {
        int& above = above_[static_cast<size_t>(output)];
        above = quantizes(units_.last(unit).op) ? kOfTheModel : incoming;
        above = pass(above, at_value_[static_cast<size_t>(output)]);
        for (const Use& use : graph_.value(output).uses)
          if (const auto it = at_use_.find(use); it != at_use_.end())
            it->second = pass(above, it->second);
      }
    }
  }

 private:
  // The quantizer above what the unit hands on unchanged: that of its first input.
  int above_input(const Unit& unit) const {
    if (unit.trait != Trait::agnostic) return kNothingAbove;
    const Node& node = units_.first(unit);
    for (size_t port = 0; port < node.inputs.size(); ++port) {
      if (!units_.is_activation(node, port)) continue;
      const auto it = at_use_.find(Use{node.id, static_cast<int32_t>(port)});
      const int above =
          it == at_use_.end() ? above_[static_cast<size_t>(node.inputs[port])] : it->second;
      const bool lost = above >= 0 && spec(above).per_channel && units_.moves_channels(unit);
      return lost ? kNothingAbove : above;
    }
    return kNothingAbove;
  }

  // What is above a tensor once it has passed `quantizer`, which is dropped when `above` has done
  // its work.
  int pass(int above, int quantizer) {
    if (quantizer < 0) return above;
    Placed& below = placement_.quantizers[static_cast<size_t>(quantizer)];
    if (above == kNothingAbove) return quantizer;
    if (above != kOfTheModel) {
      if (!changes_nothing(spec(quantizer), spec(above))) return quantizer;
      placement_.quantizers[static_cast<size_t>(above)].feeds_dynamic_matmul |=
          below.feeds_dynamic_matmul;
    }
    below.dropped = true;
    return above;
  }

  const QuantizerSpec& spec(int quantizer) const {
    return selection_.activations[static_cast<size_t>(quantizer)].spec;
  }

  const UnitGraph& units_;
  const Graph& graph_;
  Placement& placement_;
  const Selection& selection_;
  std::vector<int> above_;     // by value
  std::vector<int> at_value_;  // by value: the quantizer that rests on it
  std::map<Use, int> at_use_;  // ... on one use of it; then: what is above behind it
};

bool is_layer(Op op) {
  return op == Op::convolution || op == Op::group_convolution || op == Op::depthwise_convolution ||
         op == Op::mat_mul;
}

// Walks up through ops with one producer.
bool comes_from_layer(const InferenceGraph& flow, NodeId node) {
  while (!is_layer(flow.op(node))) {
    if (flow.producers_of(node).size() != 1) return false;
    node = flow.producers_of(node)[0];
  }
  return true;
}

double volume(const Value& value) {
  double out = 1;
  for (int64_t d : value.shape)
    if (d > 0) out *= static_cast<double>(d);
  return out;
}

struct Operand {
  size_t quantizer = 0;
  Use use;
  const Value* value = nullptr;
  size_t readers = 0;
};

// Which of two operands may stay in float; nullptr: neither.
const Operand* freed(const InferenceGraph& flow, const Operand& wide, const Operand& narrow) {
  if (wide.readers > 1 && narrow.readers == 1) return &narrow;
  if (!comes_from_layer(flow, wide.value->producer) ||
      !comes_from_layer(flow, narrow.value->producer))
    return nullptr;
  return volume(*narrow.value) <= volume(*wide.value) ? &narrow : &wide;
}

}  // namespace

std::vector<int> drop_for_constant_operand(const UnitGraph& units, Placement& placement) {
  std::vector<int> dropped;
  for (Placed& q : placement.quantizers) {
    if (q.dropped || q.travelled || q.sink < 0 ||
        placement.wanted_by_unit[static_cast<size_t>(q.sink)] != 1)
      continue;
    if (!has(units.first(units.units[static_cast<size_t>(q.sink)]).op, kElementwise)) continue;
    q.dropped = true;
    dropped.push_back(q.sink);
  }
  return dropped;
}

void drop_repeated(const UnitGraph& units, Placement& placement, const Selection& selection) {
  Descent(units, placement, selection).run();
}

void make_attention_symmetric(const Placement& placement, Selection& selection) {
  std::map<int, bool> groups;
  const auto wanted = [&](size_t i) {
    return !placement.quantizers[i].dropped && placement.quantizers[i].feeds_dynamic_matmul;
  };
  for (size_t i = 0; i < selection.activations.size(); ++i)
    if (wanted(i) && selection.activations[i].group >= 0)
      groups[selection.activations[i].group] = true;
  for (size_t i = 0; i < selection.activations.size(); ++i)
    if (wanted(i) || groups.contains(selection.activations[i].group))
      selection.activations[i].spec.mode = QuantizationScheme::symmetric;
  for (Choice& weight : selection.weights)
    if (groups.contains(weight.group)) weight.spec.mode = QuantizationScheme::symmetric;
}

std::vector<FreedOperand> free_add_operands(const UnitGraph& units, const Placement& placement) {
  std::map<ValueId, size_t> resting;
  for (size_t i = 0; i < placement.quantizers.size(); ++i)
    if (!placement.quantizers[i].dropped && placement.quantizers[i].use.node == kNone)
      resting[placement.quantizers[i].value] = i;
  std::vector<FreedOperand> out;
  for (const Node& node : units.flow.graph->nodes) {
    if (node.op != Op::add || !units.flow.is_alive(node.id) ||
        units.flow.producers_of(node.id).size() != 2)
      continue;
    std::vector<Operand> operands;
    for (int32_t port = 0; port < 2; ++port) {
      const auto it = resting.find(node.inputs[static_cast<size_t>(port)]);
      if (it == resting.end()) continue;
      const Value& value = units.flow.graph->value(it->first);
      operands.push_back(
          {it->second, {node.id, port}, &value, units.flow.consumers_of(value.producer).size()});
    }
    if (operands.size() != 2 || operands[0].value == operands[1].value) continue;
    std::ranges::stable_sort(operands, std::ranges::greater{}, &Operand::readers);
    if (const Operand* one = freed(units.flow, operands[0], operands[1]))
      out.push_back({one->quantizer, one->use});
  }
  return out;
}

}  // namespace eightbit::placement
