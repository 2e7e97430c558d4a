#include "quant/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace eightbit {
namespace {

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
      fmt::join(graph.use_names(q.uses), " "), to_text(q.spec),
      q.channel_axes.empty() ? "" : fmt::format(" axes {}", fmt::join(q.channel_axes, ",")),
      q.group == kNone ? "" : fmt::format(" | group {}", q.group),
      with_ranges ? range_text(q) : "");
}

std::string target_text(ValueId value, const std::vector<Use>& uses, const Graph& graph) {
  return fmt::format(
      "{} -> {}", graph.value(value).name,
      uses.empty() ? "all" : fmt::format("{}", fmt::join(graph.use_names(uses), " ")));
}

template <typename Change>
const Change* change_at(const std::vector<Change>& changes, Use use) {
  const auto it =
      std::ranges::find_if(changes, [&](const Change& change) { return reads(change.uses, use); });
  return it == changes.end() ? nullptr : &*it;
}

constexpr std::pair<ReplacementReason, std::string_view> kReasons[] = {
    {ReplacementReason::smooth_quant, "smooth_quant"},
    {ReplacementReason::channel_alignment, "channel_alignment"},
    {ReplacementReason::channel_scales, "channel_scales"},
    {ReplacementReason::weight_rounding, "weight_rounding"}};

}  // namespace

std::string_view to_string(ReplacementReason reason) {
  return std::ranges::find(kReasons, reason, [](const auto& row) { return row.first; })->second;
}

std::optional<ReplacementReason> replacement_reason(std::string_view name) {
  const auto* row = std::ranges::find(kReasons, name, [](const auto& row) { return row.second; });
  return row == std::end(kReasons) ? std::nullopt : std::optional(row->first);
}

bool reads(const std::vector<Use>& uses, Use use) {
  return std::ranges::find(uses, use) != uses.end();
}
const Quantizer* quantizer_at(const Plan& plan, Use use) { return change_at(plan.quantizers, use); }
const ScaleInsertion* scale_at(const Plan& plan, Use use) { return change_at(plan.scales, use); }

std::string to_text(const Plan& plan, const Graph& graph, bool with_ranges) {
  std::string out;
  for (const Quantizer& q : plan.quantizers) out += quantizer_text(q, graph, with_ranges);
  for (const ScaleInsertion& s : plan.scales)
    out += fmt::format("scale {} axis {} ({} channels)\n", target_text(s.value, s.uses, graph),
                       s.axis, s.factor.size());
  for (const ConstantReplacement& c : plan.constants)
    out +=
        fmt::format("replace {} | {}\n", target_text(c.value, c.uses, graph), to_string(c.reason));
  for (const BiasShift& b : plan.biases)
    out += fmt::format("shift bias {} axis {} ({} channels)\n", graph.node(b.node).name, b.axis,
                       b.shift.size());
  for (const FloatReason& f : plan.left_float)
    out += fmt::format("float {} | {}\n", graph.node(f.node).name, f.reason);
  for (const std::string& note : plan.notes) out += fmt::format("note {}\n", note);
  return out;
}

}  // namespace eightbit
