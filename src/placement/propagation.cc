#include "placement/propagation.h"

#include <algorithm>

#include "base/error.h"
#include "graph/roles.h"
#include "placement/merge.h"

namespace eightbit::placement {
namespace {

enum class State : uint8_t { exact, covered, unread, wanted };

struct Arrival {
  State state = State::exact;
  int quantizer = -1;  // when wanted
};

class Sweep {
 public:
  Sweep(const UnitGraph& units, const Device& device, const QuantizeOptions& options,
        const QuantizationParameters& activations)
      : units_(units),
        graph_(*units.flow.graph),
        device_(device),
        options_(options),
        activations_(activations) {
    arrivals_.resize(graph_.nodes.size());
    for (const Node& node : graph_.nodes) arrivals_[node.id].resize(node.inputs.size());
    leads_to_unifier_.resize(units.units.size());
    specs_of_op_.assign(op_table().size(), -1);
    out_.wanted_by_unit.resize(units.units.size());
    out_.spec_lists.push_back({default_activation(activations)});
  }

  Placement run() {
    for (size_t i = units_.units.size(); i-- > 0;) {
      const Unit& unit = units_.units[i];
      leads_to_unifier_[i] = leads_to_unifier(unit);
      const Arrival up = settle(unit);
      if (unit.trait == Trait::inputs_quantizable)
        ask(unit, static_cast<int>(i));
      else
        enter(unit, up, leads_to_unifier_[i]);
    }
    return std::move(out_);
  }

 private:
  Arrival& arrival(Use use) { return arrivals_[use.node][static_cast<size_t>(use.port)]; }

  std::vector<Use> living_uses(const Value& value) const {
    std::vector<Use> uses;
    for (const Use& use : value.uses)
      if (units_.flow.is_alive(use.node)) uses.push_back(use);
    return uses;
  }

  // Whether the quantizer of all uses could be one; then it is, and the uses lose theirs.
  Arrival join(const std::vector<Use>& uses) {
    std::vector<int> branches;
    bool covered = false;
    for (const Use& use : uses) {
      const Arrival& one = arrival(use);
      if (one.state == State::exact) return {};
      if (one.state == State::wanted) branches.push_back(one.quantizer);
      covered = covered || one.state == State::covered;
    }
    if (branches.empty()) return {covered ? State::covered : State::unread, -1};
    if (branches.size() == 1 && !covered) return {State::wanted, branches[0]};
    return merge(branches);
  }

  Arrival merge(const std::vector<int>& branches) {
    std::vector<const SpecList*> lists;
    for (int q : branches) lists.push_back(&out_.spec_lists[static_cast<size_t>(at(q).specs)]);
    const Merged merged =
        merge_branches(lists, options_.advanced_parameters.quantizer_propagation_rule);
    if (merged.specs.empty()) return {State::covered, -1};
    Placed joined = at(branches[0]);
    joined.use = {};
    joined.travelled = true;
    joined.specs = intern(merged.specs);
    for (size_t i = 0; i < branches.size(); ++i) {
      Placed& branch = at(branches[i]);
      if (branch.sink != joined.sink) joined.sink = kSeveral;
      joined.feeds_dynamic_matmul |= branch.feeds_dynamic_matmul;
      joined.group = out_.join_groups(joined.group, branch.group);
      branch.dropped = merged.absorbed[i];
    }
    return {State::wanted, add(std::move(joined))};
  }

  // Joins the quantizers of a unit's outputs. The result is what could enter the unit from below.
  Arrival settle(const Unit& unit) {
    if (can_pass(unit)) {
      std::vector<Use> uses;
      for (ValueId output : units_.last(unit).outputs)
        for (const Use& use : living_uses(graph_.value(output))) uses.push_back(use);
      const Arrival all = join(uses);
      if (all.state == State::wanted && carries_channels(unit, all.quantizer)) return all;
    }
    Arrival worst{State::unread, -1};
    for (ValueId output : units_.last(unit).outputs) {
      const Arrival one = join(living_uses(graph_.value(output)));
      worst.state = std::min(worst.state, one.state == State::wanted ? State::covered : one.state);
      if (one.state != State::wanted) continue;
      at(one.quantizer).value = output;
      at(one.quantizer).use = {};
    }
    return worst;
  }

  // A quantizer with a range a channel stays behind what puts channels elsewhere: no kernel takes
  // ranges of rows. NNCF passes it all the same; under its recipe it goes on with one range.
  bool carries_channels(const Unit& unit, int quantizer) {
    SpecList specs = out_.spec_lists[static_cast<size_t>(at(quantizer).specs)];
    const auto by_channel = [](const QuantizerSpec& spec) { return spec.per_channel; };
    if (std::ranges::none_of(specs, by_channel) || !units_.moves_channels(unit)) return true;
    std::erase_if(specs, by_channel);
    if (options_.recipe != Recipe::nncf || specs.empty()) return false;
    at(quantizer).specs = intern(specs);
    return true;
  }

  // Quantizers can pass when there is a floating point input to go to and every output that is read
  // is floating point.
  bool can_pass(const Unit& unit) const {
    if (unit.trait != Trait::agnostic && unit.trait != Trait::concat) return false;
    for (ValueId output : units_.last(unit).outputs)
      if (!is_float(graph_.value(output).dtype) && !living_uses(graph_.value(output)).empty())
        return false;
    return !activation_ports(units_.first(unit)).empty();
  }

  std::vector<Use> activation_ports(const Node& node) const {
    std::vector<Use> ports;
    for (size_t port = 0; port < node.inputs.size(); ++port)
      if (units_.is_activation(node, port)) ports.push_back({node.id, static_cast<int32_t>(port)});
    return ports;
  }

  // Passes what arrived below the unit on to its inputs.
  void enter(const Unit& unit, Arrival up, bool unify) {
    const std::vector<Use> ports = activation_ports(units_.first(unit));
    if (up.state == State::wanted) return climb(unit, ports, up.quantizer, unify);
    if (unit.trait != Trait::agnostic) up.state = State::exact;
    for (const Use& port : ports) arrival(port) = up;
  }

  void climb(const Unit& unit, const std::vector<Use>& ports, int quantizer, bool unify) {
    at(quantizer).travelled = true;
    if (unit.trait == Trait::concat && ports.size() > 1 && unify && at(quantizer).group < 0)
      at(quantizer).group = new_group();
    for (size_t i = 0; i < ports.size(); ++i) {
      const int q = i == 0 ? quantizer : add(Placed(at(quantizer)));
      rest_at(q, ports[i]);
    }
  }

  void rest_at(int quantizer, Use use) {
    at(quantizer).use = use;
    at(quantizer).value = graph_.input(use);
    arrival(use) = {State::wanted, quantizer};
  }

  // The unit's own quantizers.
  void ask(const Unit& unit, int index) {
    const Node& node = units_.first(unit);
    std::vector<Use> ports = activation_ports(node);
    if (node.op == Op::scaled_dot_product_attention)
      std::erase_if(ports,
                    [limit = options_.mode ? 3 : 2](const Use& use) { return use.port >= limit; });
    if (ports.empty()) return;
    const int specs = specs_for(node, unit.unified);
    const int group = unit.unified && ports.size() > 1 ? new_group() : -1;
    for (const Use& port : ports) {
      Placed wanted;
      wanted.specs = specs;
      wanted.sink = index;
      wanted.group = group;
      wanted.feeds_dynamic_matmul = node.op == Op::mat_mul && !reads_any_constant(graph_, node);
      rest_at(add(std::move(wanted)), port);
    }
    out_.wanted_by_unit[static_cast<size_t>(index)] = static_cast<int>(ports.size());
  }

  int specs_for(const Node& node, bool unified) {
    if (node.op == Op::result) return 0;
    int& cached = specs_of_op_[static_cast<size_t>(node.op)];
    if (cached >= 0) return cached;
    const SpecList offered = device_.offer(node).activations;
    if (offered.empty()) return cached = 0;
    QuantizationParameters wanted = activations_;
    if (node.op == Op::scaled_dot_product_attention) wanted.mode = QuantizationScheme::symmetric;
    SpecList kept = filter(offered, wanted);
    if (unified) std::erase_if(kept, [](const QuantizerSpec& spec) { return spec.per_channel; });
    if (kept.empty())
      fail<InvalidArgument>("placement",
                            "no activation quantizer of {} meets {} for node '{}' ({}). The device "
                            "offers: {}. Change "
                            "activations_quantization_params or add the node to ignored_scope.",
                            device_.name(), to_text(wanted), node.name, node.type,
                            to_text(offered));
    return cached = intern(kept);
  }

  // Whether what the unit writes reaches, through ops that quantizers pass, one that accumulates
  // integers.
  bool leads_to_unifier(const Unit& unit) const {
    for (NodeId consumer : units_.flow.consumers_of(unit.last)) {
      const int index = units_.unit_of[consumer];
      const Unit& next = units_.units[static_cast<size_t>(index)];
      if (has(units_.first(next).op, kUnifiesConcat) && next.reason.empty()) return true;
      const bool passes = next.trait == Trait::agnostic || (next.unified && next.reason.empty());
      if (passes && leads_to_unifier_[static_cast<size_t>(index)]) return true;
    }
    return false;
  }

  Placed& at(int quantizer) { return out_.quantizers[static_cast<size_t>(quantizer)]; }
  int add(Placed quantizer) {
    out_.quantizers.push_back(std::move(quantizer));
    return static_cast<int>(out_.quantizers.size()) - 1;
  }
  int new_group() {
    out_.group_parent.push_back(static_cast<int>(out_.group_parent.size()));
    return out_.group_parent.back();
  }
  int intern(const SpecList& specs) {
    const auto it = std::ranges::find(out_.spec_lists, specs);
    if (it == out_.spec_lists.end()) out_.spec_lists.push_back(specs);
    return static_cast<int>(std::ranges::find(out_.spec_lists, specs) - out_.spec_lists.begin());
  }

  const UnitGraph& units_;
  const Graph& graph_;
  const Device& device_;
  const QuantizeOptions& options_;
  const QuantizationParameters& activations_;
  Indexed<NodeId, std::vector<Arrival>> arrivals_;  // by port
  std::vector<bool> leads_to_unifier_;              // by unit
  std::vector<int> specs_of_op_;                    // by op: index of its list
  Placement out_;
};

}  // namespace

int Placement::group_of(int group) {
  while (group >= 0 && group_parent[static_cast<size_t>(group)] != group) {
    int& parent = group_parent[static_cast<size_t>(group)];
    parent = group_parent[static_cast<size_t>(parent)];
    group = parent;
  }
  return group;
}

int Placement::join_groups(int a, int b) {
  a = group_of(a);
  b = group_of(b);
  if (a < 0 || b < 0 || a == b) return std::max(a, b);
  return group_parent[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
}

Placement propagate(const UnitGraph& units, const Device& device, const QuantizeOptions& options,
                    const QuantizationParameters& activations) {
  return Sweep(units, device, options, activations).run();
}

}  // namespace eightbit::placement
