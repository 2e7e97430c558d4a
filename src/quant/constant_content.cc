#include "quant/constant_content.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/packed_bytes.h"
#include "base/spill.h"
#include "quant/channels.h"
#include "quant/exact_json.h"
#include "quant/rounding.h"

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

const Quantizer* quantizer_of(const Plan& plan, const ConstantReplacement& constant) {
  const auto it = std::ranges::find_if(plan.quantizers, [&](const Quantizer& q) {
    return q.weight && q.value == constant.value && q.uses == constant.uses;
  });
  return it == plan.quantizers.end() ? nullptr : &*it;
}

// The axis of a weight that meets the scaled channels of the other input: as long, and no output
// channel.
int64_t scaled_axis(const Shape& shape, const Quantizer& q, size_t channels) {
  int64_t found = kNone;
  for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis) {
    if (shape[static_cast<size_t>(axis)] != static_cast<int64_t>(channels)) continue;
    if (std::ranges::find(q.channel_axes, axis) != q.channel_axes.end()) continue;
    if (found != kNone) return kNone;
    found = axis;
  }
  return found;
}

// What was rounded, as near as the plan tells: a scale in front of the other input was folded into
// the weight.
std::vector<float> values_to_round(const Graph& graph, const Plan& before, const Quantizer& q) {
  const Use use = q.uses.front();
  const Tensor tensor = weight_of(graph, before, q.value, use);
  const auto replaces = [&](const ConstantReplacement& c) {
    return c.value == q.value && reads(c.uses, use);
  };
  if (std::ranges::any_of(before.constants, replaces)) return to_floats(tensor);
  for (const ScaleInsertion& scale : before.scales) {
    const bool same_node =
        std::ranges::any_of(scale.uses, [&](const Use& u) { return u.node == use.node; });
    const int64_t axis = same_node ? scaled_axis(tensor.shape, q, scale.factor.size()) : kNone;
    if (axis == kNone) continue;
    std::vector<float> inverse;
    for (float f : scale.factor) inverse.push_back(1.0f / f);
    return to_floats(scaled_by(tensor, axis, inverse));
  }
  return to_floats(tensor);
}

int top_of(const Quantizer& q) { return (q.levels - 1) / 2; }

template <typename Visit>
void each_with_step(const Shape& shape, const Quantizer& q, const std::vector<float>& steps,
                    Visit&& visit) {
  for_each_run(shape, q.channel_axes, [&](int64_t channel, int64_t first, int64_t count) {
    const float step = steps[steps.size() == 1 ? 0 : static_cast<size_t>(channel)];
    for (int64_t i = first; i < first + count; ++i) visit(static_cast<size_t>(i), step);
  });
}

// The step that gives all values of a channel exactly: the range tells it up to its own rounding.
std::vector<float> steps_of(std::span<const float> values, const Shape& shape, const Quantizer& q) {
  const auto top = static_cast<float>(top_of(q));
  std::vector<float> steps;
  std::vector<std::array<float, 3>> candidates;
  for (float high : q.high) {
    const float step = high / top;
    candidates.push_back({step, std::nextafter(step, 0.0f), std::nextafter(step, 2 * step)});
  }
  std::vector<std::array<bool, 3>> fits(candidates.size(), {true, true, true});
  for_each_run(shape, q.channel_axes, [&](int64_t channel, int64_t first, int64_t count) {
    const size_t c = candidates.size() == 1 ? 0 : static_cast<size_t>(channel);
    for (size_t k = 0; k < 3; ++k)
      for (int64_t i = first; i < first + count && fits[c][k]; ++i) {
        const float value = values[static_cast<size_t>(i)], step = candidates[c][k];
        fits[c][k] = round_half_even(value / step) * step == value;
      }
  });
  for (size_t c = 0; c < candidates.size(); ++c) {
    const auto fit = std::ranges::find(fits[c], true);
    if (fit == fits[c].end()) return {};
    steps.push_back(candidates[c][static_cast<size_t>(fit - fits[c].begin())]);
  }
  return steps;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         std::memcmp(a.data, b.data, a.byte_size()) == 0;
}

bool can_be_levels(const Quantizer* q, const ConstantReplacement& constant) {
  return q && constant.is_rounded() && constant.tensor.dtype == DType::f32 && !q->high.empty() &&
         top_of(*q) > 0 && top_of(*q) <= 127;
}

std::optional<Json> as_levels(const ConstantReplacement& constant, const Graph& graph,
                              const Plan& before) {
  const Quantizer* q = quantizer_of(before, constant);
  if (!can_be_levels(q, constant)) return std::nullopt;
  const auto values = constant.tensor.as<float>();
  const std::vector<float> steps = steps_of(values, constant.tensor.shape, *q);
  if (steps.empty()) return std::nullopt;
  const std::vector<float> base = values_to_round(graph, before, *q);
  std::vector<int8_t> moved(values.size());
  bool small = true;
  each_with_step(constant.tensor.shape, *q, steps, [&](size_t i, float step) {
    const float by = round_half_even(values[i] / step) -
                     rounded_level(base[i], step, static_cast<float>(top_of(*q)));
    small &= std::fabs(by) <= 127;
    moved[i] = static_cast<int8_t>(by);
  });
  if (!small) return std::nullopt;
  Json json{{"step", as_json_numbers(steps)}};
  if (std::ranges::any_of(moved, [](int8_t by) { return by != 0; }))
    json["moved"] = pack_bytes(std::as_bytes(std::span(moved)));
  return json;
}

std::optional<std::vector<float>> floats_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return std::nullopt;
  std::vector<float> values;
  for (const Json& item : *found) {
    if (!item.is_number()) return std::nullopt;
    values.push_back(item.get<float>());
    if (!std::isfinite(values.back())) return std::nullopt;
  }
  return values;
}

bool read_factor(const Json& json, const Graph& graph, const Plan& before,
                 ConstantReplacement& constant) {
  const auto factor = floats_at(json, "factor");
  const auto axis = json.find("axis");
  const Shape& shape = constant.tensor.shape;
  if (!factor || axis == json.end() || !axis->is_number_integer()) return false;
  constant.axis = axis->get<int64_t>();
  if (constant.axis < 0 || constant.axis >= static_cast<int64_t>(shape.size())) return false;
  if (static_cast<int64_t>(factor->size()) != shape[static_cast<size_t>(constant.axis)])
    return false;
  constant.factor = *factor;
  constant.tensor = scaled_by(weight_of(graph, before, constant.value, constant.uses.front()),
                              constant.axis, *factor);
  return true;
}

bool read_levels(const Json& json, const Graph& graph, const Plan& before,
                 ConstantReplacement& constant) {
  const Quantizer* q = quantizer_of(before, constant);
  const auto steps = floats_at(json, "step");
  if (!can_be_levels(q, constant) || !steps || steps->size() != q->high.size()) return false;
  if (std::ranges::any_of(*steps, [](float step) { return !(step > 0); })) return false;
  std::vector<float> values = values_to_round(graph, before, *q);
  std::vector<std::byte> moved(values.size());
  if (const auto packed = json.find("moved"); packed != json.end()) {
    if (!packed->is_string()) return false;
    auto bytes = unpack_bytes(packed->get_ref<const std::string&>(), moved.size());
    if (!bytes) return false;
    moved = std::move(*bytes);
  }
  each_with_step(constant.tensor.shape, *q, *steps, [&](size_t i, float step) {
    const float level = rounded_level(values[i], step, static_cast<float>(top_of(*q)));
    values[i] = (level + static_cast<float>(static_cast<int8_t>(moved[i]))) * step;
  });
  constant.tensor = spilled_floats(values, constant.tensor.shape);
  return true;
}

bool read_bytes(const Json& json, ConstantReplacement& constant) {
  if (!json.is_string()) return false;
  auto bytes = unpack_bytes(json.get_ref<const std::string&>(), constant.tensor.byte_size());
  if (!bytes) return false;
  const auto owner = std::make_shared<std::vector<std::byte>>(std::move(*bytes));
  constant.tensor = spilled({constant.tensor.dtype, constant.tensor.shape, owner->data(), owner});
  return true;
}

}  // namespace

Json write_content(const ConstantReplacement& constant, const Graph& graph, const Plan& before) {
  std::vector<Json> short_forms;
  if (!constant.factor.empty() && !constant.is_rounded())
    short_forms.push_back({{"axis", constant.axis}, {"factor", as_json_numbers(constant.factor)}});
  if (const auto levels = as_levels(constant, graph, before)) short_forms.push_back(*levels);
  for (const Json& json : short_forms) {
    ConstantReplacement again{constant.value,
                              constant.uses,
                              {constant.tensor.dtype, constant.tensor.shape, nullptr, nullptr},
                              constant.reason};
    if (read_content(json, graph, before, again) && same_bytes(again.tensor, constant.tensor))
      return json;
  }
  return {{"bytes", pack_bytes({constant.tensor.data, constant.tensor.byte_size()})}};
}

bool read_content(const Json& json, const Graph& graph, const Plan& before,
                  ConstantReplacement& constant) {
  if (!json.is_object() || constant.uses.empty()) return false;
  if (json.contains("factor")) return read_factor(json, graph, before, constant);
  if (json.contains("step")) return read_levels(json, graph, before, constant);
  return json.contains("bytes") && read_bytes(json["bytes"], constant);
}

}  // namespace eightbit
