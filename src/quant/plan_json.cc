#include "quant/plan_json.h"

#include "quant/constant_content.h"
#include "quant/exact_json.h"

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

Json spec_json(const QuantizerSpec& spec) {
  Json out;
  if (spec.fp8)
    out["fp8"] = *spec.fp8 == FP8Type::f8e4m3 ? "f8e4m3" : "f8e5m2";
  else
    out["num_bits"] = spec.bits;
  out["mode"] = spec.mode == QuantizationScheme::symmetric ? "symmetric" : "asymmetric";
  if (spec.signedness) out["signedness_to_force"] = *spec.signedness;
  out["per_channel"] = spec.per_channel;
  out["narrow_range"] = spec.narrow_range;
  return out;
}

Json quantizer_json(const Quantizer& q, const Graph& graph) {
  Json out{{"value", graph.value(q.value).name},
           {"uses", graph.use_names(q.uses)},
           {"weight", q.weight}};
  out["spec"] = spec_json(q.spec);
  if (!q.channel_axes.empty()) out["channel_axes"] = q.channel_axes;
  if (q.group != kNone) out["group"] = q.group;
  if (!q.low.empty()) {
    out["low"] = as_json_numbers(q.low);
    out["high"] = as_json_numbers(q.high);
    out["levels"] = q.levels;
  }
  if (!q.scale.empty()) out["scale"] = as_json_numbers(q.scale);
  return out;
}

Json constant_json(const ConstantReplacement& c, const Graph& graph) {
  const Value& value = graph.value(c.value);
  return {{"value", value.name},
          {"uses", graph.use_names(c.uses.empty() ? value.uses : c.uses)},
          {"reason", to_string(c.reason)}};
}

Json constants_json(const Plan& plan, const Graph& graph, Tensors tensors) {
  Json out = Json::array();
  Plan before{plan.quantizers, plan.scales, {}, {}, {}, {}, {}};
  for (ConstantReplacement c : plan.constants) {
    Json json = constant_json(c, graph);
    if (c.uses.empty()) c.uses = graph.value(c.value).uses;
    if (tensors == Tensors::included) {
      json["dtype"] = to_string(c.tensor.dtype);
      json["shape"] = c.tensor.shape;
      json["content"] = write_content(c, graph, before);
    }
    out.push_back(std::move(json));
    before.constants.push_back(std::move(c));
  }
  return out;
}

}  // namespace

Json write_plan(const Plan& plan, const Graph& graph, Tensors tensors) {
  Json out{{"compress_weights", plan.compress_weights}};
  for (const char* key : {"quantizers", "scales", "constants", "biases", "left_float", "notes"})
    out[key] = Json::array();
  for (const Quantizer& q : plan.quantizers) out["quantizers"].push_back(quantizer_json(q, graph));
  for (const ScaleInsertion& s : plan.scales)
    out["scales"].push_back({{"value", graph.value(s.value).name},
                             {"uses", graph.use_names(s.uses)},
                             {"axis", s.axis},
                             {"factor", as_json_numbers(s.factor)}});
  out["constants"] = constants_json(plan, graph, tensors);
  for (const BiasShift& b : plan.biases)
    out["biases"].push_back(
        {{"node", graph.node(b.node).name}, {"axis", b.axis}, {"shift", as_json_numbers(b.shift)}});
  for (const FloatReason& f : plan.left_float)
    out["left_float"].push_back({{"node", graph.node(f.node).name}, {"reason", f.reason}});
  for (const std::string& note : plan.notes) out["notes"].push_back(note);
  return out;
}

std::string to_json(const Plan& plan, const Graph& graph) {
  return to_text(write_plan(plan, graph, Tensors::left_out));
}

std::string to_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eightbit
