// Runs every file of tests/golden/placement: a graph, `----`, and the plan that placement makes of
// it.
// `# key=value ...` holds options, `## ...` says what the file shows. EIGHTBIT_UPDATE_GOLDEN=1
// rewrites the plans.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "graph/text.h"
#include "placement/placement.h"

namespace eightbit::placement {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

template <typename Enum>
Enum one_of(const std::string& value, std::initializer_list<std::pair<const char*, Enum>> names) {
  for (const auto& [name, result] : names)
    if (value == name) return result;
  throw std::runtime_error("golden file: no such value: " + value);
}

void set_parameter(std::optional<QuantizationParameters>& params, const std::string& key,
                   const std::string& value) {
  if (!params) params.emplace();
  if (key == "num_bits")
    params->num_bits = std::stoi(value);
  else if (key == "per_channel")
    params->per_channel = value == "true";
  else if (key == "mode")
    params->mode =
        one_of<QuantizationScheme>(value, {{"symmetric", QuantizationScheme::symmetric},
                                           {"asymmetric", QuantizationScheme::asymmetric}});
  else
    throw std::runtime_error("golden file: no such parameter: " + key);
}

void set_option(QuantizeOptions& options, const std::string& key, const std::string& value) {
  using Rule = QuantizerPropagationRule;
  AdvancedParameters& advanced = options.advanced_parameters;
  if (key == "preset") {
    options.preset =
        one_of<Preset>(value, {{"mixed", Preset::mixed}, {"performance", Preset::performance}});
  } else if (key == "model_type") {
    options.model_type = one_of<ModelType>(value, {{"transformer", ModelType::transformer}});
  } else if (key == "target_device") {
    options.target_device = one_of<TargetDevice>(value, {{"CPU", TargetDevice::cpu},
                                                         {"CPU_SPR", TargetDevice::cpu_spr},
                                                         {"GPU", TargetDevice::gpu},
                                                         {"NPU", TargetDevice::npu},
                                                         {"GNA", TargetDevice::gna},
                                                         {"GNA3.5", TargetDevice::gna3_5}});
  } else if (key == "mode") {
    options.mode = one_of<QuantizationMode>(value, {{"fp8_e4m3", QuantizationMode::fp8_e4m3},
                                                    {"fp8_e5m2", QuantizationMode::fp8_e5m2}});
  } else if (key == "quantizer_propagation_rule") {
    advanced.quantizer_propagation_rule = one_of<Rule>(
        value, {{"do_not_merge_branches", Rule::do_not_merge_branches},
                {"merge_if_all_branches_same", Rule::merge_if_all_branches_same},
                {"merge_with_potential_requantization", Rule::merge_with_potential_requantization},
                {"merge_all_in_one", Rule::merge_all_in_one}});
  } else if (key == "recipe") {
    options.recipe =
        one_of<Recipe>(value, {{"eightbit", Recipe::eightbit}, {"nncf", Recipe::nncf}});
  } else if (key == "quantize_outputs") {
    advanced.quantize_outputs = value == "true";
  } else if (key == "ignored_names") {
    options.ignored_scope.names = split(value, ',');
  } else if (key == "ignored_patterns") {
    options.ignored_scope.patterns = split(value, ',');
  } else if (key == "ignored_types") {
    options.ignored_scope.types = split(value, ',');
  } else if (key == "ignored_subgraph") {
    const size_t arrow = value.find("->");
    options.ignored_scope.subgraphs.push_back(
        {split(value.substr(0, arrow), ','), split(value.substr(arrow + 2), ',')});
  } else if (key.starts_with("activations.")) {
    set_parameter(advanced.activations_quantization_params, key.substr(12), value);
  } else if (key.starts_with("weights.")) {
    set_parameter(advanced.weights_quantization_params, key.substr(8), value);
  } else {
    throw std::runtime_error("golden file: no such option: " + key);
  }
}

struct Given {
  QuantizeOptions options;
  Kernels kernels;
};

Given read_options(const std::string& text) {
  Given given;
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with("# ")) continue;
    for (const std::string& word : split(line.substr(2), ' ')) {
      const std::string key = word.substr(0, word.find('=')),
                        value = word.substr(word.find('=') + 1);
      if (key == "layers_end_in_any_activation")
        given.kernels.layers_end_in_any_activation = value == "true";
      else if (key == "recurrent")
        given.kernels.recurrent = value == "true";
      else if (key == "arithmetic")
        given.kernels.arithmetic = value == "true";
      else
        set_option(given.options, key, value);
    }
  }
  return given;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(fs::path(EIGHTBIT_TESTS_DIR) / "golden" / "placement"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, PlanIsAsRecorded) {
  const fs::path path =
      fs::path(EIGHTBIT_TESTS_DIR) / "golden" / "placement" / (GetParam() + ".txt");
  const std::string text = read_file(path);
  const size_t rule = text.find("----\n");
  ASSERT_NE(rule, std::string::npos) << path << " has no line ----";
  const Graph graph = parse_graph(std::string_view(text).substr(0, rule));
  graph.check();
  const Given given = read_options(text);
  const std::string plan = to_text(place(graph, given.options, given.kernels), graph, false);
  if (std::getenv("EIGHTBIT_UPDATE_GOLDEN")) {
    std::ofstream(path) << text.substr(0, rule) << "----\n" << plan;
    return;
  }
  EXPECT_EQ(text.substr(rule + 5), plan) << "graph:\n" << text.substr(0, rule);
}

TEST_P(Golden, GraphSurvivesItsText) {
  const fs::path path =
      fs::path(EIGHTBIT_TESTS_DIR) / "golden" / "placement" / (GetParam() + ".txt");
  const std::string text = read_file(path);
  const std::string once =
      to_text(parse_graph(std::string_view(text).substr(0, text.find("----\n"))));
  EXPECT_EQ(once, to_text(parse_graph(once)));
}

INSTANTIATE_TEST_SUITE_P(Placement, Golden, testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace eightbit::placement
