#include "option_flags.h"

#include <eightbit/error.h>
#include <eightbit/run.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace eightbit::cli {
namespace {

using Json = nlohmann::json;

Json parse_json(const std::string& text, const std::string& from) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw InvalidArgument(
        fmt::format("[options] {} is no valid JSON: {}. Correct it there", from, e.what()));
  }
}

Json read_json(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream && text.empty())
    throw FileError(fmt::format("[options] '{}' cannot be read. Check the path", path));
  Json json = parse_json(text, "'" + path + "'");
  if (!json.is_object())
    throw InvalidArgument(fmt::format(
        "[options] '{}' holds no JSON object. It takes the fields of the options", path));
  return json;
}

std::string dashes(std::string text) {
  std::ranges::replace(text, '_', '-');
  return text;
}

}  // namespace

void OptionFlags::add(CLI::App& verb, const std::string& name, const std::string& pointer,
                      Kind kind, const std::string& help, const std::string& group) {
  flags_.emplace_back();
  Flag& flag = flags_.back();
  flag.pointer = pointer;
  flag.kind = kind;
  CLI::Option* option = nullptr;
  switch (kind) {
    case Kind::name:
      option = verb.add_option("--" + name, flag.text, help);
      break;
    case Kind::integer:
      option = verb.add_option("--" + name, flag.integer, help);
      break;
    case Kind::number:
      option = verb.add_option("--" + name, flag.number, help);
      break;
    case Kind::boolean:
      option = verb.add_flag(fmt::format("--{},!--no-{}", name, name), flag.boolean, help);
      break;
    case Kind::names:
    case Kind::objects:
      option = verb.add_option("--" + name, flag.texts, help)->allow_extra_args(false);
      break;
  }
  flag.option = option->group(group);
}

void OptionFlags::add_to(CLI::App& verb) {
  const std::string group = "Quantization";
  verb.add_option("--config", config_, "JSON file with options by name; flags come first")
      ->group(group);
  add(verb, "preset", "/preset", Kind::name,
      "performance (symmetric activations) or mixed; default: the smaller error", group);
  add(verb, "target-device", "/target_device", Kind::name,
      "ANY, CPU, CPU_SPR, GPU, NPU, GNA, GNA3 or GNA3.5", group);
  add(verb, "subset-size", "/subset_size", Kind::integer,
      "Samples to calibrate on; default 300; 0: until what is measured has settled", group);
  add(verb, "fast-bias-correction", "/fast_bias_correction", Kind::boolean,
      "Biases from 16 samples (default); --no-...: from 64, each layer checked, and weights "
      "rounded together",
      group);
  add(verb, "model-type", "/model_type", Kind::name, "transformer, where the model is one", group);
  add(verb, "mode", "/mode", Kind::name, "fp8_e4m3 or fp8_e5m2; default: INT8", group);
  add(verb, "weight-rounding", "/weight_rounding", Kind::name,
      "nearest, or adaptive: more accurate weights for a second pass over a few dozen samples",
      group);
  add(verb, "trial-run", "/trial_run", Kind::boolean,
      "Run the result on a few samples as its users do, and tell (default) or not", group);
  add(verb, "min-sqnr-db", "/min_sqnr_db", Kind::number,
      "Layers stay in float until every output of the trial run has this signal to noise; default "
      "20, 0: off",
      group);
  add(verb, "max-float-share", "/max_float_share", Kind::number,
      "Of the multiplications that --min-sqnr-db may take out of 8 bits; default 0.5", group);
  add(verb, "strict", "/strict", Kind::boolean, "Fail where --min-sqnr-db cannot be held", group);
  add(verb, "placement", "/placement", Kind::name,
      "rules; or measured: layers for which integers do not pay on this machine stay in float",
      group);
  add(verb, "recipe", "/recipe", Kind::name,
      "eightbit or nncf (its formulas and defaults); or a recipe file of an earlier run, which "
      "needs no data",
      group);
  add_scope(verb);
  add_advanced(verb);
}

void OptionFlags::add_calibration_to(CLI::App& verb) {
  const std::string group = "Calibration";
  add(verb, "subset-size", "/subset_size", Kind::integer,
      "Samples over all shards; default 300; 0: until what is measured has settled", group);
  add(verb, "model-type", "/model_type", Kind::name, "transformer, where the model is one", group);
  add_range_estimator(verb, "activations");
}

void OptionFlags::add_max_memory_to(CLI::App& verb) {
  verb.add_option("--max-memory", max_memory_,
                  "That may become resident above the loaded model, such as 2GB; the result is the "
                  "same")
      ->group("Common");
}

int64_t OptionFlags::max_memory() const {
  if (!max_memory_.empty()) return parse_bytes(max_memory_);
  if (config_.empty()) return 0;
  const Json json = read_json(config_);
  const auto entry = json.find("max_memory");
  if (entry == json.end() || entry->is_null()) return 0;
  return parse_bytes(entry->is_string() ? entry->get<std::string>() : entry->dump());
}

void OptionFlags::add_scope(CLI::App& verb) {
  const std::string group = "What stays in floating point";
  verb.add_option("--ignored-scope", ignored_scope_,
                  "JSON, or a file of it, with names, patterns, types, subgraphs, validate")
      ->group(group);
  add(verb, "ignored-names", "/ignored_scope/names", Kind::names, "A node by its name (repeat)",
      group);
  add(verb, "ignored-patterns", "/ignored_scope/patterns", Kind::names,
      "Nodes by a regular expression (repeat)", group);
  add(verb, "ignored-types", "/ignored_scope/types", Kind::names, "Nodes by op type (repeat)",
      group);
  add(verb, "ignored-subgraphs", "/ignored_scope/subgraphs", Kind::objects,
      R"(Nodes between: {"inputs": [...], "outputs": [...]} (repeat))", group);
  add(verb, "ignored-validate", "/ignored_scope/validate", Kind::boolean,
      "A rule that matches nothing is an error (default)", group);
}

void OptionFlags::add_advanced(CLI::App& verb) {
  const std::string group = "Advanced", base = "/advanced_parameters/";
  const auto field = [&](const std::string& name, Kind kind, const std::string& help) {
    add(verb, dashes(name), base + name, kind, help, group);
  };
  field("overflow_fix", Kind::name, "enable, first_layer_only or disable; default: by target");
  field("quantize_outputs", Kind::boolean, "Quantize in front of results");
  field("inplace_statistics", Kind::boolean, "Reduce inside the engine's graph (default)");
  field("disable_channel_alignment", Kind::boolean, "No channel alignment (default)");
  field("disable_bias_correction", Kind::boolean, "No bias correction");
  field("batchwise_statistics", Kind::boolean, "Items of a batch count one by one");
  field("quantizer_propagation_rule", Kind::name,
        "How quantizers of branches merge; default merge_all_in_one");
  field("compress_weights", Kind::boolean, "Fold weights to INT8 constants (default)");
  add(verb, "bias-correction-apply-for-all-nodes",
      base + "bias_correction_params/apply_for_all_nodes", Kind::boolean,
      "Changes nothing: layers with a quantized input are corrected in any case", group);
  add(verb, "bias-correction-threshold", base + "bias_correction_params/threshold", Kind::number,
      "Recipe nncf: largest |shift / bias| that is applied", group);
  add(verb, "smooth-quant-alpha-convolution", base + "smooth_quant_alphas/convolution",
      Kind::number, "0 to 1; negative: off (default)", group);
  add(verb, "smooth-quant-alpha-matmul", base + "smooth_quant_alphas/matmul", Kind::number,
      "0 to 1; negative: off; default: by the error", group);
  for (const char* of : {"activations", "weights"}) {
    add_params(verb, of);
    add_range_estimator(verb, of);
  }
}

void OptionFlags::add_params(CLI::App& verb, const std::string& of) {
  const std::string group = "Quantizers of " + of, base = "/advanced_parameters/" + of;
  const auto field = [&](const std::string& name, Kind kind, const std::string& help) {
    add(verb, of + "-" + dashes(name), base + "_quantization_params/" + name, kind, help, group);
  };
  field("num_bits", Kind::integer, "2 to 16, where the device allows it");
  field("mode", Kind::name, "symmetric or asymmetric");
  field("signedness_to_force", Kind::boolean, "Signed, or unsigned with --no-...");
  field("per_channel", Kind::boolean, "One scale for each channel");
  field("narrow_range", Kind::boolean, "Without the lowest level");
  add(verb, of + "-fp8-destination-type", base + "_fp8_params/destination_type", Kind::name,
      "f8e4m3 or f8e5m2", group);
}

void OptionFlags::add_range_estimator(CLI::App& verb, const std::string& of) {
  const std::string group = "Range estimator of " + of;
  for (const std::string end : {"min", "max"}) {
    const auto field = [&](const std::string& name, Kind kind, const std::string& help) {
      add(verb, fmt::format("{}-range-estimator-{}-{}", of, end, dashes(name)),
          fmt::format("/advanced_parameters/{}_range_estimator_params/{}/{}", of, end, name), kind,
          help, group);
    };
    field("statistics_type", Kind::name, "max, min, abs_max, quantile, abs_quantile or mean");
    field("aggregator_type", Kind::name,
          "mean, max, min, median, mean_no_outliers, median_no_outliers or histogram");
    field("clipping_value", Kind::number, "The range is clipped to [-value, value]");
    field("quantile_outlier_prob", Kind::number, "Share of values left out; default 0.0001");
  }
}

bool OptionFlags::given(const std::string& pointer) const {
  return std::ranges::any_of(flags_, [&](const Flag& flag) {
    return flag.pointer == pointer && flag.option->count() > 0;
  });
}

std::string OptionFlags::recipe_file() const {
  const auto is_recipe = [](const Flag& flag) { return flag.pointer == "/recipe"; };
  const auto recipe = std::ranges::find_if(flags_, is_recipe);
  if (recipe == flags_.end() || recipe->option->count() == 0 || !recipe->text.ends_with(".json"))
    return "";
  const auto other = std::ranges::find_if(
      flags_, [&](const Flag& flag) { return !is_recipe(flag) && flag.option->count() > 0; });
  if (other != flags_.end() || !config_.empty() || !ignored_scope_.empty())
    throw InvalidArgument(fmt::format(
        "[options] {} has no effect with a recipe file, which holds all options. Leave one out",
        other != flags_.end() ? other->option->get_name()
        : !config_.empty()    ? "--config"
                              : "--ignored-scope"));
  return recipe->text;
}

std::string OptionFlags::text() const { return to_json(read()); }

QuantizeOptions OptionFlags::read() const {
  Json json = config_.empty() ? Json::object() : read_json(config_);
  json.erase("max_memory");  // of the run
  if (!ignored_scope_.empty())
    json["ignored_scope"] = ignored_scope_.starts_with('{')
                                ? parse_json(ignored_scope_, "--ignored-scope")
                                : read_json(ignored_scope_);
  Json given = Json::object();
  for (const Flag& flag : flags_) {
    if (flag.option->count() == 0) continue;
    Json& value = given[Json::json_pointer(flag.pointer)];
    switch (flag.kind) {
      case Kind::name:
        value = flag.text;
        break;
      case Kind::integer:
        value = flag.integer;
        break;
      case Kind::number:
        value = flag.number;
        break;
      case Kind::boolean:
        value = flag.boolean;
        break;
      case Kind::names:
        value = flag.texts;
        break;
      case Kind::objects:
        for (const std::string& text : flag.texts)
          value.push_back(parse_json(text, "--ignored-subgraphs"));
        break;
    }
  }
  json.merge_patch(given);
  const QuantizeOptions options = options_from_json(json.dump());
  validate(options);
  return options;
}

}  // namespace eightbit::cli
