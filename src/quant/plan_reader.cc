// From JSON back to a plan; see plan_json.h.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/json_reader.h"
#include "quant/channels.h"
#include "quant/constant_content.h"
#include "quant/plan_json.h"

namespace eightbit {
namespace {

class PlanReader {
 public:
  explicit PlanReader(const Graph& graph) : graph_(graph) {}

  Plan read(const JsonEntry& json) {
    json.allow_only(
        {"compress_weights", "quantizers", "scales", "constants", "biases", "left_float", "notes"});
    plan_.compress_weights = json["compress_weights"].flag();
    for (const JsonEntry& item : json["quantizers"].items())
      plan_.quantizers.push_back(quantizer(item));
    for (const JsonEntry& item : json["scales"].items()) plan_.scales.push_back(scale(item));
    for (const JsonEntry& item : json["constants"].items()) constant(item);
    for (const JsonEntry& item : json["biases"].items()) plan_.biases.push_back(bias(item));
    for (const JsonEntry& item : json["left_float"].items()) {
      item.allow_only({"node", "reason"});
      plan_.left_float.push_back({node(item["node"]), item["reason"].text()});
    }
    plan_.notes = json["notes"].texts();
    return std::move(plan_);
  }

 private:
  NodeId node(const JsonEntry& name) const {
    const NodeId id = graph_.find(name.text());
    if (id == kNone)
      name.refuse("names '{}', which this model does not have. Nodes must keep the names they had",
                  name.text());
    return id;
  }

  // Sorted, all of one value.
  std::vector<Use> uses(const JsonEntry& item) const {
    const JsonEntry names = item["uses"];
    std::vector<Use> out;
    for (const JsonEntry& name : names.items()) {
      const auto use = graph_.find_use(name.text());
      if (!use)
        name.refuse(
            "names '{}', an input that this model does not have. Nodes must keep the names they "
            "had",
            name.text());
      if (!out.empty() && value_at(*use) != value_at(out.front()))
        name.refuse(
            "names '{}', which reads another value than the uses before it. Make an entry of its "
            "own",
            name.text());
      out.push_back(*use);
    }
    if (out.empty()) names.refuse("is empty. Name the inputs that read the value");
    std::ranges::sort(out);
    if (std::ranges::adjacent_find(out) != out.end())
      names.refuse("names an input twice. Name each once");
    return out;
  }

  ValueId value_at(Use use) const { return graph_.input(use); }

  static int64_t axis(const JsonEntry& entry, const Value& value) {
    const auto rank = static_cast<int64_t>(value.shape.size());
    return entry.whole(0, value.rank_known ? rank - 1 : std::numeric_limits<int32_t>::max());
  }

  static void check_channels(const JsonEntry& entry, size_t count, const Value& value,
                             const std::vector<int64_t>& axes) {
    if (!value.rank_known) return;
    int64_t channels = 1;
    for (int64_t a : axes) {
      const int64_t extent = value.shape[static_cast<size_t>(a)];
      if (extent < 0) return;
      channels *= extent;
    }
    if (static_cast<int64_t>(count) != channels)
      entry.refuse("has {} numbers. '{}' has {} channels", count, value.name, channels);
  }

  QuantizerSpec spec(const JsonEntry& item) const {
    item.allow_only(
        {"fp8", "num_bits", "mode", "signedness_to_force", "per_channel", "narrow_range"});
    QuantizerSpec out;
    if (item.has("fp8"))
      out.fp8 =
          choice<FP8Type>(item["fp8"], {{"f8e4m3", FP8Type::f8e4m3}, {"f8e5m2", FP8Type::f8e5m2}});
    else
      out.bits = static_cast<int>(item["num_bits"].whole(2, 16));
    out.mode =
        choice<QuantizationScheme>(item["mode"], {{"symmetric", QuantizationScheme::symmetric},
                                                  {"asymmetric", QuantizationScheme::asymmetric}});
    if (item.has("signedness_to_force")) out.signedness = item["signedness_to_force"].flag();
    out.per_channel = item["per_channel"].flag();
    out.narrow_range = item["narrow_range"].flag();
    return out;
  }

  template <typename T>
  static T choice(const JsonEntry& entry, const std::map<std::string, T>& names) {
    const auto found = names.find(entry.text());
    if (found != names.end()) return found->second;
    entry.refuse("is '{}'. Allowed are '{}' and '{}'", entry.text(), names.begin()->first,
                 names.rbegin()->first);
  }

  Quantizer quantizer(const JsonEntry& item) {
    item.allow_only({"value", "uses", "weight", "spec", "channel_axes", "group", "low", "high",
                     "levels", "scale"});
    Quantizer q;
    q.uses = uses(item);
    for (const Use& use : q.uses)
      if (!quantized_.insert(use).second)
        item["uses"].refuse("names '{}', which another quantizer has", graph_.use_name(use));
    q.value = value_at(q.uses.front());
    const Value& value = graph_.value(q.value);
    if (!is_float(value.dtype))
      item["uses"].refuse("read '{}' of type {}. Only floats are quantized", value.name,
                          to_string(value.dtype));
    q.weight = item["weight"].flag();
    if (q.weight != value.is_constant())
      item["weight"].refuse("is {}, but '{}' is {} constant", q.weight, value.name,
                            q.weight ? "no" : "a");
    q.spec = spec(item["spec"]);
    if (item.has("channel_axes"))
      for (const JsonEntry& a : item["channel_axes"].items())
        q.channel_axes.push_back(axis(a, value));
    if (std::ranges::adjacent_find(q.channel_axes, std::greater_equal{}) != q.channel_axes.end())
      item["channel_axes"].refuse("must grow from axis to axis");
    if (item.has("group"))
      q.group = static_cast<int>(item["group"].whole(0, std::numeric_limits<int>::max()));
    read_range(item, value, q);
    return q;
  }

  static void read_range(const JsonEntry& item, const Value& value, Quantizer& q) {
    if (q.spec.fp8) {
      q.scale = item["scale"].numbers();
      check_channels(item["scale"], q.scale.size(), value,
                     q.scale.size() == 1 ? std::vector<int64_t>{} : q.channel_axes);
      if (std::ranges::any_of(q.scale, [](float s) { return !(s > 0); }))
        item["scale"].refuse("must hold numbers above 0");
      return;
    }
    q.low = item["low"].numbers();
    q.high = item["high"].numbers();
    q.levels = static_cast<int>(item["levels"].whole(2, 1 << 16));
    if (q.low.size() != q.high.size())
      item["high"].refuse("has {} numbers, low has {}. Give as many", q.high.size(), q.low.size());
    check_channels(item["low"], q.low.size(), value,
                   q.low.size() == 1 ? std::vector<int64_t>{} : q.channel_axes);
    for (size_t c = 0; c < q.low.size(); ++c)
      if (!(q.low[c] <= q.high[c]))
        item["high"].refuse("is {} where low is {}. It must not be below", q.high[c], q.low[c]);
  }

  ScaleInsertion scale(const JsonEntry& item) const {
    item.allow_only({"value", "uses", "axis", "factor"});
    ScaleInsertion out;
    out.uses = uses(item);
    out.value = value_at(out.uses.front());
    out.axis = axis(item["axis"], graph_.value(out.value));
    out.factor = item["factor"].numbers();
    check_channels(item["factor"], out.factor.size(), graph_.value(out.value), {out.axis});
    return out;
  }

  void constant(const JsonEntry& item) {
    item.allow_only({"value", "uses", "reason", "dtype", "shape", "content"});
    ConstantReplacement c;
    c.uses = uses(item);
    c.value = value_at(c.uses.front());
    c.reason = reason(item["reason"]);
    const Value& value = graph_.value(c.value);
    if (!value.is_constant()) item["uses"].refuse("read '{}', which is no constant", value.name);
    c.tensor = {dtype(item["dtype"], value), shape(item["shape"], value), nullptr, nullptr};
    if (!read_content(item["content"].json(), graph_, plan_, c))
      item["content"].refuse("does not fit '{}', of type {} and shape {}, or is damaged",
                             value.name, to_string(c.tensor.dtype), to_string(c.tensor.shape));
    plan_.constants.push_back(std::move(c));
  }

  static ReplacementReason reason(const JsonEntry& entry) {
    const auto reason = replacement_reason(entry.text());
    if (!reason)
      entry.refuse(
          "is '{}'. Allowed are smooth_quant, channel_alignment, channel_scales and "
          "weight_rounding",
          entry.text());
    return *reason;
  }

  // That of the constant, or f32, which every float constant can be given as.
  static DType dtype(const JsonEntry& entry, const Value& value) {
    for (const DType allowed : {value.dtype, DType::f32})
      if (entry.text() == to_string(allowed)) return allowed;
    entry.refuse("is '{}'. '{}' takes {}", entry.text(), value.name, to_string(value.dtype));
  }

  static Shape shape(const JsonEntry& entry, const Value& value) {
    Shape out;
    for (const JsonEntry& d : entry.items())
      out.push_back(d.whole(0, std::numeric_limits<int32_t>::max()));
    if (out != value.shape)
      entry.refuse("is {}. '{}' has {}", to_string(out), value.name, to_string(value.shape));
    return out;
  }

  BiasShift bias(const JsonEntry& item) const {
    item.allow_only({"node", "axis", "shift"});
    BiasShift out;
    out.node = node(item["node"]);
    const auto& outputs = graph_.node(out.node).outputs;
    if (outputs.empty()) item["node"].refuse("is '{}', which has no output", item["node"].text());
    const Value& value = graph_.value(outputs.front());
    out.axis = axis(item["axis"], value);
    out.shift = item["shift"].numbers();
    check_channels(item["shift"], out.shift.size(), value, {out.axis});
    return out;
  }

  const Graph& graph_;
  Plan plan_;
  std::set<Use> quantized_;
};

}  // namespace

Plan read_plan(const nlohmann::ordered_json& json, const Graph& graph) {
  return PlanReader(graph).read(JsonEntry(json, "recipe"));
}

}  // namespace eightbit
