#include "quant/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> use_names(const std::vector<Use>& uses, const Graph& graph) {
  std::vector<std::string> names;
  for (const Use& use : uses) names.push_back(graph.use_name(use));
  return names;
}

// The first entry, and how many there are when it is not alone.
std::string first_of(const std::vector<float>& values) {
  return values.empty() ? "-" : fmt::format("{:.6g}", values[0]);
}

std::string range_text(const Quantizer& q) {
  if (!q.has_range()) return "";
  const size_t count = q.spec.fp8 ? q.scale.size() : q.low.size();
  const std::string many = count > 1 ? fmt::format(" (first of {})", count) : "";
  if (q.spec.fp8) return fmt::format(" | scale {}{}", first_of(q.scale), many);
  return fmt::format(" | [{}, {}]{} {}", first_of(q.low), first_of(q.high), many, q.levels);
}

std::string quantizer_text(const Quantizer& q, const Graph& graph, bool with_ranges) {
  return fmt::format(
      "quantize {}{} -> {} | {}{}{}{}\n", q.weight ? "weight " : "", graph.value(q.value).name,
      fmt::join(use_names(q.uses, graph), " "), to_text(q.spec),
      q.channel_axes.empty() ? "" : fmt::format(" axes {}", fmt::join(q.channel_axes, ",")),
      q.group == kNone ? "" : fmt::format(" | group {}", q.group),
      with_ranges ? range_text(q) : "");
}

std::string target_text(ValueId value, const std::vector<Use>& uses, const Graph& graph) {
  return fmt::format(
      "{} -> {}", graph.value(value).name,
      uses.empty() ? "all" : fmt::format("{}", fmt::join(use_names(uses, graph), " ")));
}

std::string_view mode_name(QuantizationScheme mode) {
  return mode == QuantizationScheme::symmetric ? "symmetric" : "asymmetric";
}

Json spec_json(const QuantizerSpec& spec) {
  Json out;
  if (spec.fp8)
    out["fp8"] = *spec.fp8 == FP8Type::f8e4m3 ? "f8e4m3" : "f8e5m2";
  else
    out["num_bits"] = spec.bits;
  out["mode"] = mode_name(spec.mode);
  if (spec.signedness) out["signedness_to_force"] = *spec.signedness;
  out["per_channel"] = spec.per_channel;
  out["narrow_range"] = spec.narrow_range;
  return out;
}

Json quantizer_json(const Quantizer& q, const Graph& graph) {
  Json out{{"value", graph.value(q.value).name},
           {"uses", use_names(q.uses, graph)},
           {"weight", q.weight}};
  out["spec"] = spec_json(q.spec);
  if (!q.channel_axes.empty()) out["channel_axes"] = q.channel_axes;
  if (q.group != kNone) out["group"] = q.group;
  if (!q.low.empty()) {
    out["low"] = q.low;
    out["high"] = q.high;
    out["levels"] = q.levels;
  }
  if (!q.scale.empty()) out["scale"] = q.scale;
  return out;
}

}  // namespace

std::string to_text(const Plan& plan, const Graph& graph, bool with_ranges) {
  std::string out;
  for (const Quantizer& q : plan.quantizers) out += quantizer_text(q, graph, with_ranges);
  for (const ScaleInsertion& s : plan.scales)
    out += fmt::format("scale {} axis {} ({} channels)\n", target_text(s.value, s.uses, graph),
                       s.axis, s.factor.size());
  for (const ConstantReplacement& c : plan.constants)
    out += fmt::format("replace {} | {}\n", target_text(c.value, c.uses, graph), c.reason);
  for (const BiasShift& b : plan.biases)
    out += fmt::format("shift bias {} axis {} ({} channels)\n", graph.node(b.node).name, b.axis,
                       b.shift.size());
  for (const FloatReason& f : plan.left_float)
    out += fmt::format("float {} | {}\n", graph.node(f.node).name, f.reason);
  for (const std::string& note : plan.notes) out += fmt::format("note {}\n", note);
  return out;
}

std::string to_json(const Plan& plan, const Graph& graph) {
  Json out{{"compress_weights", plan.compress_weights}};
  for (const char* key : {"quantizers", "scales", "constants", "biases", "left_float", "notes"})
    out[key] = Json::array();
  for (const Quantizer& q : plan.quantizers) out["quantizers"].push_back(quantizer_json(q, graph));
  for (const ScaleInsertion& s : plan.scales)
    out["scales"].push_back({{"value", graph.value(s.value).name},
                             {"uses", use_names(s.uses, graph)},
                             {"axis", s.axis},
                             {"factor", s.factor}});
  for (const ConstantReplacement& c : plan.constants)
    out["constants"].push_back({{"value", graph.value(c.value).name},
                                {"uses", use_names(c.uses, graph)},
                                {"reason", c.reason}});
  for (const BiasShift& b : plan.biases)
    out["biases"].push_back(
        {{"node", graph.node(b.node).name}, {"axis", b.axis}, {"shift", b.shift}});
  for (const FloatReason& f : plan.left_float)
    out["left_float"].push_back({{"node", graph.node(f.node).name}, {"reason", f.reason}});
  for (const std::string& note : plan.notes) out["notes"].push_back(note);
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eightbit
