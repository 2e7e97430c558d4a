#include <eightbit/report.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

// Six digits: more say nothing here, and the page has many numbers. JSON has neither NaN nor
// infinity: null.
Json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::stod(fmt::format("{:.6g}", value));
}

Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

// In dB; "exact" where nothing differs, null where nothing was measured.
Json decibels(const std::optional<double>& value) {
  if (value && std::isinf(*value)) return "exact";
  return number(value);
}

Json fix_json(const Fix& fix) {
  if (fix.empty()) return nullptr;
  return {{"text", fix.text}, {"python", fix.python}, {"flags", fix.flags}};
}

Json input_json(const InputQuantizer& input) {
  Json shares = Json::array();
  for (double share : input.shares) shares.push_back(std::stod(fmt::format("{:.3g}", share)));
  return {{"value", input.value},
          {"low", number(input.low)},
          {"high", number(input.high)},
          {"levels", input.levels},
          {"ranges", input.ranges},
          {"min", number(input.min)},
          {"max", number(input.max)},
          {"clipped", number(input.clipped)},
          {"clipping_error", number(input.clipping_error)},
          {"rounding_error", number(input.rounding_error)},
          {"unclipped_error", number(input.unclipped_error)},
          {"asymmetric_gain", number(input.asymmetric_gain)},
          {"channel_gain", number(input.channel_gain)},
          {"widest_channel", input.widest_channel},
          {"channels", input.channels},
          {"histogram",
           {{"low", number(input.histogram_low)},
            {"high", number(input.histogram_high)},
            {"shares", std::move(shares)}}}};
}

Json layer_json(const LayerReport& layer) {
  Json out{{"name", layer.name},
           {"type", layer.type},
           {"position", layer.position},
           {"quantized", layer.quantized},
           {"note", layer.note},
           {"alone_db", decibels(layer.alone_db)},
           {"weights_alone_db", decibels(layer.weights_alone_db)},
           {"accumulated_db", decibels(layer.accumulated_db)},
           {"bias_shift", number(layer.bias_shift)},
           {"cause", to_string(layer.cause)},
           {"why", layer.why},
           {"fix", fix_json(layer.fix)},
           {"leave_out", fix_json(layer.leave_out)},
           {"precision", layer.precision},
           {"precision_before", layer.precision_before},
           {"milliseconds", number(layer.milliseconds)},
           {"milliseconds_before", number(layer.milliseconds_before)},
           {"executed_in", layer.executed_in},
           {"weight_bytes_before", layer.weight_bytes_before}};
  out["inputs"] = Json::array();
  for (const InputQuantizer& input : layer.inputs) out["inputs"].push_back(input_json(input));
  return out;
}

}  // namespace

std::string ModelReport::to_json() const {
  Json out{{"schema", "eightbit.report"},
           {"schema_version", 1},
           {"eightbit", version},
           {"backend", backend},
           {"samples", samples}};
  out["float_check"] = {{"samples", float_check.samples}, {"problems", float_check.problems}};
  out["outputs"] = Json::array();
  for (const LayerDifference& o : outputs)
    out["outputs"].push_back({{"name", o.name},
                              {"sqnr_db", decibels(o.sqnr_db)},
                              {"measured_db", decibels(o.measured_db)},
                              {"cosine", number(o.cosine)}});
  out["agreement"] = number(agreement);
  out["milliseconds"] = number(milliseconds);
  out["milliseconds_before"] = number(milliseconds_before);
  out["bytes"] = bytes;
  out["bytes_before"] = bytes_before;
  out["fixes"] = Json::array();
  for (const Fix& fix : fixes) out["fixes"].push_back(fix_json(fix));
  out["notes"] = notes;
  out["layers"] = Json::array();
  for (const LayerReport& layer : layers) out["layers"].push_back(layer_json(layer));
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eightbit
