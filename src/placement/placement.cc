#include "placement/placement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "graph/roles.h"
#include "placement/cleanup.h"

namespace eightbit::placement {
namespace {

// What preset, mode and the user's parameters ask of activations or weights.
QuantizationParameters wanted_of(const QuantizeOptions& options, bool weights) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  QuantizationParameters wanted;
  if (!options.mode)
    wanted =
        (weights ? advanced.weights_quantization_params : advanced.activations_quantization_params)
            .value_or(QuantizationParameters{});
  const bool transformer = options.model_type == ModelType::transformer;
  const Preset preset =
      options.preset.value_or(transformer && !options.mode ? Preset::mixed : Preset::performance);
  const bool gna = is_gna(options.target_device);
  const bool asymmetric = !weights && !gna && preset == Preset::mixed;
  if (gna && weights && !wanted.num_bits && preset == Preset::mixed) wanted.num_bits = 16;
  if (!wanted.mode)
    wanted.mode = asymmetric ? QuantizationScheme::asymmetric : QuantizationScheme::symmetric;
  return wanted;
}

FP8Type fp8_type(const QuantizeOptions& options, bool weights) {
  const AdvancedParameters& advanced = options.advanced_parameters;
  const auto& params = weights ? advanced.weights_fp8_params : advanced.activations_fp8_params;
  if (params && params->destination_type) return *params->destination_type;
  return *options.mode == QuantizationMode::fp8_e4m3 ? FP8Type::f8e4m3 : FP8Type::f8e5m2;
}

// FP8 keeps the granularity; sign and range belong to the type.
void make_fp8(Selection& selection, const QuantizeOptions& options) {
  const auto convert = [](QuantizerSpec& spec, FP8Type type) {
    spec = {8, QuantizationScheme::symmetric, {}, spec.per_channel, false, type};
  };
  for (Choice& choice : selection.activations) convert(choice.spec, fp8_type(options, false));
  for (Choice& choice : selection.weights) convert(choice.spec, fp8_type(options, true));
}

class Writer {
 public:
  Writer(const UnitGraph& units, const Placement& placement,
         const std::vector<WeightPoint>& weights, const Selection& selection,
         const QuantizeOptions& options)
      : units_(units),
        graph_(*units.flow.graph),
        placement_(placement),
        weights_(weights),
        selection_(selection),
        options_(options) {}

  Plan write(const std::vector<FreedOperand>& freed) {
    activations(freed);
    weights();
    number_groups();
    plan_.compress_weights = options_.advanced_parameters.compress_weights;
    return std::move(plan_);
  }

 private:
  std::vector<Use> uses_of(const Placed& q) const {
    if (q.use.node != kNone) return {q.use};
    std::vector<Use> uses = graph_.value(q.value).uses;
    const bool outputs = options_.advanced_parameters.quantize_outputs;
    std::erase_if(uses, [&](const Use& use) {  // the end of a branch is no output of the model
      const Node& reader = graph_.node(use.node);
      return reader.op == Op::result && (!outputs || reader.owner != kNone);
    });
    return uses;
  }

  // Whether any reader is more than a shape computation.
  bool read_by_data(const std::vector<Use>& uses) const {
    return std::ranges::any_of(uses,
                               [&](const Use& use) { return units_.flow.is_alive(use.node); });
  }

  void activations(const std::vector<FreedOperand>& freed) {
    for (size_t i = 0; i < placement_.quantizers.size(); ++i) {
      const Placed& q = placement_.quantizers[i];
      if (q.dropped) continue;
      Quantizer out;
      out.value = q.value;
      out.uses = uses_of(q);
      for (const FreedOperand& f : freed)
        if (f.quantizer == i) std::erase(out.uses, f.use);
      if (!read_by_data(out.uses)) continue;
      out.spec = selection_.activations[i].spec;
      if (out.spec.per_channel) out.channel_axes = {channel_axis(graph_.value(out.value))};
      out.group = selection_.activations[i].group;
      plan_.quantizers.push_back(std::move(out));
    }
    std::ranges::stable_sort(plan_.quantizers, {}, [&](const Quantizer& q) {
      const Value& value = graph_.value(q.value);
      return std::tuple(value.producer, value.port, q.uses.front());
    });
  }

  // Readers of one constant share a quantizer when they want the same.
  void weights() {
    std::map<ValueId, std::vector<size_t>> at;  // places in plan_.quantizers
    for (size_t i = 0; i < weights_.size(); ++i) {
      Quantizer out;
      out.weight = true;
      out.uses = {{weights_[i].node, weights_[i].port}};
      out.value = graph_.input(out.uses[0]);
      out.spec = selection_.weights[i].spec;
      out.group = selection_.weights[i].group;
      if (out.spec.per_channel) out.channel_axes = output_axes(graph_, out.uses[0]);
      out.spec.per_channel = !out.channel_axes.empty();
      const auto same = [&](size_t k) {
        const Quantizer& other = plan_.quantizers[k];
        return other.spec == out.spec && other.channel_axes == out.channel_axes &&
               other.group == out.group;
      };
      std::vector<size_t>& places = at[out.value];
      if (const auto k = std::ranges::find_if(places, same); k != places.end()) {
        plan_.quantizers[*k].uses.push_back(out.uses[0]);
        std::ranges::sort(plan_.quantizers[*k].uses);
      } else {
        places.push_back(plan_.quantizers.size());
        plan_.quantizers.push_back(std::move(out));
      }
    }
  }

  void number_groups() {
    std::map<int, int> numbers;
    for (Quantizer& q : plan_.quantizers)
      if (q.group >= 0)
        q.group = numbers.emplace(q.group, static_cast<int>(numbers.size())).first->second;
  }

  const UnitGraph& units_;
  const Graph& graph_;
  const Placement& placement_;
  const std::vector<WeightPoint>& weights_;
  const Selection& selection_;
  const QuantizeOptions& options_;
  Plan plan_;
};

bool has_float_side(const Graph& graph, const Node& node) {
  const auto floating = [&](ValueId v) { return v != kNone && is_float(graph.value(v).dtype); };
  return std::ranges::any_of(node.inputs, floating);
}

// Names of the layers with weights in bodies of loops, which stay as they are.
void names_in_bodies(const Node& node, std::vector<std::string>& names) {
  for (const auto& body : node.bodies)
    for (const Node& inner : body->nodes) {
      if (takes_weight(inner.op)) names.push_back(inner.name);
      names_in_bodies(inner, names);
    }
}

// Nodes that this device could quantize and that stay in float, with the reason.
std::vector<FloatReason> reasons(const UnitGraph& units, const Device& device,
                                 const std::vector<int>& constant_operand) {
  const Graph& graph = *units.flow.graph;
  std::vector<FloatReason> out;
  for (const Unit& unit : units.units) {
    const bool table =
        unit.natural == Trait::output_as_weight && !weight_ports(graph, units.first(unit)).empty();
    if (!unit.reason.empty() && (unit.natural == Trait::inputs_quantizable || table) &&
        has_float_side(graph, units.first(unit)))
      out.push_back({unit.first, unit.reason});
  }
  for (int unit : constant_operand)
    out.push_back({units.units[static_cast<size_t>(unit)].first,
                   "one operand is constant, and no other op needs its input quantized"});
  for (const Node& node : graph.nodes)
    if (!units.flow.is_alive(node.id) && device.offer(node).trait == Trait::inputs_quantizable &&
        has_float_side(graph, node))
      out.push_back({node.id, "shape computation"});
  for (const Node& node : graph.nodes)
    if (std::vector<std::string> names; names_in_bodies(node, names), !names.empty())
      out.push_back(
          {node.id, fmt::format("layers in its body stay in float: {}", fmt::join(names, ", "))});
  std::ranges::sort(out, {}, &FloatReason::node);
  return out;
}

}  // namespace

Plan place(const Graph& graph, const QuantizeOptions& options, const Kernels& kernels) {
  const Device device(options.target_device, kernels);
  const UnitGraph units = build_units(graph, options, device);
  Placement placement = propagate(units, device, options, wanted_of(options, false));
  const std::vector<int> constant_operand = drop_for_constant_operand(units, placement);
  std::vector<WeightPoint> weights = find_weights(units, device, wanted_of(options, true));
  quantize_tables_instead(units, placement, weights, options.recipe == Recipe::eightbit);

  Selection selection = select(placement, weights);
  drop_repeated(units, placement, selection);
  if (options.model_type == ModelType::transformer) make_attention_symmetric(placement, selection);
  dissolve_small_groups(placement, selection);
  if (options.mode) make_fp8(selection, options);
  std::vector<FreedOperand> freed;
  if (device.target() == TargetDevice::cpu_spr) freed = free_add_operands(units, placement);

  Plan plan = Writer(units, placement, weights, selection, options).write(freed);
  plan.left_float = reasons(units, device, constant_operand);
  plan.notes = units.notes;
  return plan;
}

}  // namespace eightbit::placement
