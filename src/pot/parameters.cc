#include "pot/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "pot/reading.h"

namespace eightbit::pot {
namespace {

template <typename Value>
using Choices = std::map<std::string, Value, std::less<>>;

const Choices<TargetDevice> kDevices = {
    {"ANY", TargetDevice::any},   {"CPU", TargetDevice::cpu},         {"GPU", TargetDevice::gpu},
    {"NPU", TargetDevice::npu},   {"CPU_SPR", TargetDevice::cpu_spr}, {"GNA", TargetDevice::gna},
    {"GNA3", TargetDevice::gna3}, {"GNA3.5", TargetDevice::gna3_5}};
// With "accuracy", weights are asymmetric too. The last two are names of files alone.
const Choices<Preset> kPresets = {{"performance", Preset::performance},
                                  {"mixed", Preset::mixed},
                                  {"accuracy", Preset::mixed},
                                  {"symmetric", Preset::performance},
                                  {"asymmetric", Preset::mixed}};
const Choices<OverflowFix> kSaturation = {{"first_layer", OverflowFix::first_layer_only},
                                          {"all", OverflowFix::enable},
                                          {"no", OverflowFix::disable}};
const Choices<StatisticsType> kStatistics = {{"max", StatisticsType::max},
                                             {"min", StatisticsType::min},
                                             {"abs_max", StatisticsType::abs_max},
                                             {"quantile", StatisticsType::quantile},
                                             {"abs_quantile", StatisticsType::abs_quantile}};
const Choices<AggregatorType> kAggregators = {
    {"mean", AggregatorType::mean},
    {"max", AggregatorType::max},
    {"min", AggregatorType::min},
    {"median", AggregatorType::median},
    {"mean_no_outliers", AggregatorType::mean_no_outliers},
    {"median_no_outliers", AggregatorType::median_no_outliers}};
const Choices<QuantizationScheme> kSchemes = {{"symmetric", QuantizationScheme::symmetric},
                                              {"asymmetric", QuantizationScheme::asymmetric}};

constexpr double kOutliers = 1e-4;  // of the quantiles, on each side

struct Refusal {
  std::string_view name, advice;
};
constexpr auto kRefusedParameters = std::to_array<Refusal>({
    {"use_layerwise_tuning",
     "there is no layerwise tuning. Set use_fast_bias to false, which rounds weights together to "
     "the same end"},
    {"layerwise_configs",
     "single FakeQuantize are not configured by name. Name nodes in ignored.scope"},
    {"annotation_free", "layers are ranked by a metric. Give annotations"},
});
constexpr auto kRefusedAlgorithms = std::to_array<Refusal>({
    {"MagnitudeSparsity", "sparsity is not this tool's trade. Sparsify in training"},
    {"WeightSparsity", "sparsity is not this tool's trade. Sparsify in training"},
    {"BaseWeightSparsity", "sparsity is not this tool's trade. Sparsify in training"},
    {"QuantizeModelFinetuning", "use DefaultQuantization with use_fast_bias false"},
    {"SparseModelFinetuning", "use DefaultQuantization with use_fast_bias false"},
    {"TunableQuantization", "use 'eightbit quantize --tune-hyperparams'"},
    {"ParamsTuningSearch", "use 'eightbit quantize --tune-hyperparams'"},
    {"ParamsGridSearchAlgorithm", "use 'eightbit quantize --tune-hyperparams'"},
    {"RangeOptimization", "use 'eightbit quantize --tune-hyperparams'"},
    {"QuantileTuningAlgorithm", "use 'eightbit quantize --tune-hyperparams'"},
    {"RangeSupervision", "clamps against faults of hardware are not added. Leave it out"},
    {"OverflowCorrection", "it is for GNA, which no current OpenVINO has. Leave it out"},
    {"QuantNoiseEstimator", "use 'eightbit report'"},
    {"OutlierChannelSplitting", "use DefaultQuantization"},
    {"WeightBiasCorrection", "use DefaultQuantization, which corrects biases"},
    {"DataFreeQuantization", "ranges need data. Use DefaultQuantization with some samples"},
    {"INT4MixedQuantization", "use DefaultQuantization"},
});

// What is accepted without an effect, and why.
constexpr auto kWithoutEffect = std::to_array<Refusal>({
    {"stat_batch_size", "samples are measured one by one"},
    {"inplace_statistics", "what is measured is always reduced inside the runtime"},
    {"dump_intermediate_model", "there is no model in between"},
    {"exec_log_dir", "there is nothing to put into it"},
    {"num_samples_for_tuning", "there is no layerwise tuning"},
    {"batch_size", "there is no layerwise tuning"},
    {"optimizer", "there is no layerwise tuning"},
    {"loss", "there is no layerwise tuning"},
    {"tuning_iterations", "there is no layerwise tuning"},
    {"random_seed", "there is no layerwise tuning"},
    {"use_ranking_subset", "there is no layerwise tuning"},
    {"calibration_indices_pool", "there is no layerwise tuning"},
    {"calculate_grads_on_loss_increase_only", "there is no layerwise tuning"},
    {"weight_decay", "there is no layerwise tuning"},
    {"metric_subset_ratio", "layers are ranked on the samples that suffered most of all"},
    {"use_prev_if_drop_increase", "a step that makes it worse is always taken back"},
    {"convert_to_mixed_preset", "leave preset out, and each activation has the better scheme"},
    {"annotation_conf_threshold", "annotations are the loader's"},
});

const std::set<std::string, std::less<>> kWhole = {"DefaultQuantization",
                                                   "AccuracyAwareQuantization"};
const std::set<std::string, std::less<>> kSteps = {
    "ActivationChannelAlignment", "MinMaxQuantization", "FastBiasCorrection", "BiasCorrection"};

const std::vector<std::string> kData = {"stat_subset_size", "stat_batch_size", "shuffle_data",
                                        "seed"};
// In files these stand beside the algorithms; of one that is inside them too, that one counts.
const std::vector<std::string> kOfFile = {"target_device", "model_type", "inplace_statistics",
                                          "dump_intermediate_model"};
const std::vector<std::string> kParameters = {"preset",
                                              "use_fast_bias",
                                              "threshold",
                                              "apply_for_all_nodes",
                                              "saturation_fix",
                                              "ignored",
                                              "weights",
                                              "activations",
                                              "exec_log_dir",
                                              "range_estimator",
                                              "recipe",
                                              "min_sqnr_db",
                                              "num_samples_for_tuning",
                                              "batch_size",
                                              "optimizer",
                                              "loss",
                                              "tuning_iterations",
                                              "random_seed",
                                              "use_ranking_subset",
                                              "calibration_indices_pool",
                                              "calculate_grads_on_loss_increase_only",
                                              "weight_decay"};
const std::vector<std::string> kOfAccuracy = {"maximal_drop",
                                              "drop_type",
                                              "max_iter_num",
                                              "metrics",
                                              "metric_subset_ratio",
                                              "ranking_subset_size",
                                              "use_prev_if_drop_increase",
                                              "base_algorithm",
                                              "convert_to_mixed_preset",
                                              "tune_hyperparams",
                                              "annotation_conf_threshold"};

const std::vector<std::string> kOfScope = {"scope", "operations", "skip_model"};

bool has_any(const JsonEntry& entry, const std::vector<std::string>& keys) {
  return std::ranges::any_of(keys, [&](const auto& key) { return entry.has(key.c_str()); });
}

std::vector<std::string> known_parameters(const std::string& algorithm, bool in_file) {
  std::vector<std::string> known = kParameters;
  known.insert(known.end(), kData.begin(), kData.end());
  known.insert(known.end(), kOfFile.begin(), kOfFile.end());
  if (!in_file) known.emplace_back("outputs");
  for (const Refusal& refusal : kRefusedParameters) known.emplace_back(refusal.name);
  if (algorithm == "AccuracyAwareQuantization")
    known.insert(known.end(), kOfAccuracy.begin(), kOfAccuracy.end());
  return known;
}

class Reader {
 public:
  Reader(Algorithms& out, bool strict, std::string_view part)
      : out_(out), strict_(strict), part_(part) {}

  void read(const std::string& algorithm, const JsonEntry& params) {
    for (const Refusal& refusal : kRefusedParameters)
      if (const auto value = find(params, std::string(refusal.name).c_str());
          value && !(value->json().is_boolean() && !value->json().get<bool>()) &&
          !value->json().empty())
        fail<Unsupported>(kWhere, "{}: {}", value->path(), refusal.advice);
    only(params, known_parameters(algorithm, strict_));
    for (const Refusal& ignored : kWithoutEffect)
      if (const auto value = find(params, std::string(ignored.name).c_str());
          value && value->json() != false)
        note("{}: {}. It changes nothing", value->path(), ignored.advice);
    if (const auto outputs = find(params, "outputs"))
      note("{}: sums that leave layers have no quantizers of their own. It changes nothing",
           outputs->path());
    quantization(params);
    data(params);
    quantizers(params, "activations", advanced().activations_quantization_params,
               advanced().activations_range_estimator_params);
    quantizers(params, "weights", advanced().weights_quantization_params,
               advanced().weights_range_estimator_params);
    if (const auto ignored = find(params, "ignored")) scopes(*ignored);
    if (algorithm == "AccuracyAwareQuantization") accuracy(params);
  }

  void device(const JsonEntry& entry) {
    const std::string text = entry.text();
    if (text.starts_with("VPU"))
      fail<Unsupported>(kWhere, "{} is {}: its plug-in is gone. Use NPU", entry.path(), text);
    out_.options.target_device = choice(entry, kDevices);
  }

  void model_type(const JsonEntry& entry) {
    if (entry.text() == "None") return;
    out_.options.model_type =
        choice(entry, Choices<ModelType>{{"transformer", ModelType::transformer}});
  }

 private:
  AdvancedParameters& advanced() { return out_.options.advanced_parameters; }

  template <typename... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    out_.notes.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  void only(const JsonEntry& entry, const std::vector<std::string>& known) {
    for (std::string& note : unknown_keys(entry, known)) {
      if (strict_) fail<InvalidArgument>(kWhere, "{}", note);
      out_.notes.push_back(note + " It changes nothing");
    }
  }

  void quantization(const JsonEntry& params) {
    QuantizeOptions& options = out_.options;
    bool as_pot = false;
    if (const auto recipe = find(params, "recipe"))
      as_pot = choice(*recipe, Choices<bool>{{"eightbit", false}, {"pot", true}});
    if (as_pot) {
      options.recipe = Recipe::nncf;
      options.preset = Preset::performance;
      advanced().smooth_quant_alphas.matmul = -1;
      advanced().overflow_fix = OverflowFix::first_layer_only;
    }
    if (const auto floor = find(params, "min_sqnr_db")) options.min_sqnr_db = real(*floor);
    if (const auto device = find(params, "target_device")) this->device(*device);
    if (const auto preset = find(params, "preset")) {
      options.preset = choice(*preset, kPresets);
      // files say accuracy for what the CPU has of it: asymmetric activations; on GNA it is 16 bits
      if (preset->text() == "accuracy" && !strict_ && !is_gna(options.target_device))
        advanced().weights_quantization_params = {.mode = QuantizationScheme::asymmetric};
    }
    if (const auto type = find(params, "model_type")) model_type(*type);
    if (const auto fast = find(params, "use_fast_bias"))
      options.fast_bias_correction = truth(*fast);
    if (const auto fix = find(params, "saturation_fix"))
      advanced().overflow_fix = choice(*fix, kSaturation);
    if (const auto threshold = find(params, "threshold"))
      advanced().bias_correction_params.threshold = real(*threshold);
    if (const auto all = find(params, "apply_for_all_nodes"))
      advanced().bias_correction_params.apply_for_all_nodes = truth(*all);
  }

  void data(const JsonEntry& params) {
    constexpr int64_t kMost = int64_t{1} << 40;
    if (const auto size = find(params, "stat_subset_size"))
      out_.stat_subset_size = size->whole(1, kMost);
    if (const auto shuffle = find(params, "shuffle_data")) out_.shuffle_data = truth(*shuffle);
    if (const auto seed = find(params, "seed"))
      out_.seed = static_cast<uint64_t>(seed->whole(0, kMost));
  }

  void quantizers(const JsonEntry& params, const char* kind,
                  std::optional<QuantizationParameters>& parameters,
                  RangeEstimatorParameters& estimator) {
    if (const auto shared = find(params, "range_estimator")) estimators(*shared, estimator);
    const auto given = find(params, kind);
    if (!given) return;
    only(*given, {"bits", "mode", "granularity", "level_low", "level_high", "range_estimator"});
    QuantizationParameters filters = parameters.value_or(QuantizationParameters{});
    if (const auto bits = find(*given, "bits"))
      filters.num_bits = static_cast<int>(bits->whole(2, 16));
    if (const auto mode = find(*given, "mode")) filters.mode = choice(*mode, kSchemes);
    if (const auto granularity = find(*given, "granularity"))
      filters.per_channel =
          choice(*granularity, Choices<bool>{{"perchannel", true}, {"pertensor", false}});
    if (const auto low = find(*given, "level_low")) {
      const int64_t top = int64_t{1} << (filters.num_bits.value_or(8) - 1),
                    level = low->whole(-top, 0);
      if (level != 0 && level != -top && level != -top + 1)
        fail<Unsupported>(kWhere, "{} is {}. It can be 0, {} or {}", low->path(), level, -top,
                          -top + 1);
      filters.signedness_to_force = level < 0;
      if (std::string_view(kind) == "weights") filters.narrow_range = level == -top + 1;
    }
    if (filters.num_bits || filters.mode || filters.per_channel || filters.signedness_to_force)
      parameters = filters;
    if (const auto own = find(*given, "range_estimator")) estimators(*own, estimator);
  }

  void estimators(const JsonEntry& given, RangeEstimatorParameters& estimator) {
    only(given, {"preset", "min", "max"});
    bool quantile = false;
    if (const auto preset = find(given, "preset"))
      quantile = choice(*preset, Choices<bool>{{"default", false}, {"quantile", true}});
    const auto min = find(given, "min"), max = find(given, "max");
    if (!quantile && out_.options.recipe == Recipe::eightbit && only_clips(min) &&
        only_clips(max)) {
      // ranges are found as they are without it, and then clipped
      estimator.min.aggregator_type = estimator.max.aggregator_type = AggregatorType::histogram;
      clip(min, estimator.min);
      clip(max, estimator.max);
      return;
    }
    side(min, quantile, StatisticsType::min, estimator.min);
    side(max, quantile, StatisticsType::max, estimator.max);
  }

  static bool only_clips(const std::optional<JsonEntry>& side) {
    return !side ||
           (side->json().is_object() && side->json().size() == 1 && side->has("clipping_value"));
  }

  // A bound of one end: of the lower end it is a number from 0 down.
  void clip(const std::optional<JsonEntry>& side, StatisticsCollectorParameters& out) {
    if (!side) return;
    if (const auto bound = find(*side, "clipping_value"))
      out.clipping_value = std::abs(real(*bound));
  }

  void side(const std::optional<JsonEntry>& entry, bool quantile, StatisticsType type,
            StatisticsCollectorParameters& out) {
    if (!entry && !quantile) return;
    out.statistics_type = quantile ? StatisticsType::quantile : type;
    out.aggregator_type = AggregatorType::mean;
    out.quantile_outlier_prob = kOutliers;
    if (!entry) return;
    only(*entry, {"type", "outlier_prob", "granularity", "clipping_value", "aggregator"});
    if (const auto name = find(*entry, "type")) out.statistics_type = choice(*name, kStatistics);
    if (const auto name = find(*entry, "aggregator")) {
      if (name->json() == "hl_estimator")
        fail<Unsupported>(kWhere, "{}: hl_estimator is not done. Use median", name->path());
      out.aggregator_type = choice(*name, kAggregators);
    }
    clip(entry, out);
    if (const auto granularity = find(*entry, "granularity"))
      note("{}: ends of a range are found alike. It changes nothing", granularity->path());
    if (const auto prob = find(*entry, "outlier_prob")) out.quantile_outlier_prob = real(*prob);
  }

  // Of a cascade {"part": {"scope": [...]}}, of which that of one part counts.
  void scopes(const JsonEntry& ignored) {
    const auto& json = ignored.json();
    const bool by_part = json.is_object() && !json.empty() && !has_any(ignored, kOfScope) &&
                         std::ranges::all_of(json, [](const auto& v) { return v.is_object(); });
    if (!by_part) return scope(ignored);
    for (const auto& [name, value] : json.items()) {
      const JsonEntry own = ignored[name.c_str()];
      only(own, kOfScope);
      if (name == part_) scope(own);
    }
  }

  void scope(const JsonEntry& ignored) {
    only(ignored, kOfScope);
    IgnoredScope& scope = out_.options.ignored_scope;
    scope.validate = false;
    if (const auto names = find(ignored, "scope"))
      for (const JsonEntry& name : names->items()) {
        if (name.json().is_array())  // the way into a subgraph
          scope.names.push_back(fmt::format("{}", fmt::join(name.texts(), "|")));
        else
          add_name(name.text());
      }
    if (const auto operations = find(ignored, "operations"))
      for (const JsonEntry& operation : operations->items()) {
        if (const auto attributes = find(operation, "attributes");
            attributes && !attributes->json().empty())
          fail<Unsupported>(kWhere,
                            "{}: operations are not told apart by attributes. Name the nodes in "
                            "ignored.scope",
                            attributes->path());
        scope.types.push_back(operation["type"].text());
      }
    if (const auto skip = find(ignored, "skip_model")) out_.skip_model = truth(*skip);
  }

  // Inside of POT the nodes of a cascade's part are called "pnet_conv", and "conv" in its file.
  void add_name(const std::string& name) {
    std::vector<std::string>& names = out_.options.ignored_scope.names;
    names.push_back(name);
    const std::string prefix = part_ + "_";
    if (!part_.empty() && name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  }

  void accuracy(const JsonEntry& params) {
    constexpr int64_t kMost = int64_t{1} << 40;
    if (const auto base = find(params, "base_algorithm");
        base && base->text() != "DefaultQuantization")
      fail<Unsupported>(kWhere, "{} must be DefaultQuantization", base->path());
    AccuracyControlOptions control;
    control.on_failure = OnFailure::return_best;
    if (const auto drop = find(params, "maximal_drop")) control.max_drop = real(*drop);
    if (const auto type = find(params, "drop_type"))
      control.drop_type = choice(*type, Choices<DropType>{{"absolute", DropType::absolute},
                                                          {"relative", DropType::relative}});
    if (const auto most = find(params, "max_iter_num"))
      control.max_num_iterations = most->whole(1, kMost);
    if (const auto size = find(params, "ranking_subset_size"))
      control.ranking_subset_size = size->whole(1, kMost);
    if (const auto tune = find(params, "tune_hyperparams")) control.tune_hyperparams = truth(*tune);
    out_.control = control;
  }

  Algorithms& out_;
  const bool strict_;
  const std::string part_;
};

std::string name_of(const JsonEntry& algorithm) {
  const JsonEntry name = algorithm["name"];
  const std::string text = name.text();
  if (kWhole.contains(text) || kSteps.contains(text)) return text;
  for (const Refusal& refusal : kRefusedAlgorithms)
    if (refusal.name == text)
      fail<Unsupported>(kWhere, "{}: {} is not done here: {}", name.path(), text, refusal.advice);
  std::vector<std::string> known(kWhole.begin(), kWhole.end());
  known.insert(known.end(), kSteps.begin(), kSteps.end());
  name.refuse("is '{}'. It must be one of: {}", text, fmt::join(known, ", "));
}

void check_together(const JsonEntry& list, const std::vector<std::string>& names) {
  const std::set<std::string, std::less<>> all(names.begin(), names.end());
  const bool whole =
      std::ranges::any_of(names, [](const auto& name) { return kWhole.contains(name); });
  if (whole && names.size() > 1)
    fail<Unsupported>(
        kWhere, "{}: {} does all steps itself. Leave the others out", list.path(),
        *std::ranges::find_if(names, [](const auto& n) { return kWhole.contains(n); }));
  if (!whole && !all.contains("MinMaxQuantization"))
    fail<Unsupported>(kWhere,
                      "{}: {} alone changes no model here. Put MinMaxQuantization into it too",
                      list.path(), names.front());
}

}  // namespace

Algorithms algorithms_of(const JsonEntry& list, const Shared& shared, bool strict,
                         std::string_view part) {
  const std::vector<JsonEntry> items = list.items();
  if (items.empty()) list.refuse("is empty. Name an algorithm, such as DefaultQuantization");
  Algorithms out;
  std::vector<std::string> names;
  for (const JsonEntry& item : items) names.push_back(name_of(item));
  check_together(list, names);
  out.name = names.front();
  const std::set<std::string, std::less<>> all(names.begin(), names.end());
  const bool whole = kWhole.contains(out.name);
  AdvancedParameters& advanced = out.options.advanced_parameters;
  advanced.disable_bias_correction =
      !whole && !all.contains("FastBiasCorrection") && !all.contains("BiasCorrection");
  Reader reader(out, strict, part);
  const auto read_shared = [&] {
    if (shared.target_device) reader.device(*shared.target_device);
    if (shared.model_type) reader.model_type(*shared.model_type);
  };
  read_shared();
  const nlohmann::ordered_json none = nlohmann::ordered_json::object();
  for (size_t i = 0; i < items.size(); ++i)
    reader.read(names[i], find(items[i], "params").value_or(JsonEntry(none, kWhere)));
  read_shared();
  // The preset chooses among the schemes that are left.
  if (advanced.activations_quantization_params && advanced.activations_quantization_params->mode)
    out.options.preset.reset();
  if (all.contains("BiasCorrection")) out.options.fast_bias_correction = false;
  // POT always aligns channels. With our own formulas smoothing does more, and the two exclude each
  // other.
  advanced.disable_channel_alignment =
      whole ? out.options.recipe == Recipe::eightbit : !all.contains("ActivationChannelAlignment");
  return out;
}

Algorithms read_algorithms(std::string_view json, bool strict, std::string_view part) {
  const auto parsed = nlohmann::ordered_json::parse(json, nullptr, false);
  if (parsed.is_discarded()) fail<InvalidArgument>(kWhere, "the algorithms are no valid JSON");
  return algorithms_of(JsonEntry(parsed, kWhere, "algorithms"), {}, strict, part);
}

}  // namespace eightbit::pot
