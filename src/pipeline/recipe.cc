#include <eightbit/recipe.h>

#include "backends/network.h"
#include "base/error.h"
#include "base/json_reader.h"
#include "base/whole_file.h"
#include "pipeline/recipe_content.h"
#include "quant/plan_json.h"

namespace eightbit {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "eightbit.recipe";
constexpr int64_t kVersion = 1;
constexpr int kDeepest = 16;  // levels of nesting; a recipe has 6

// Containers down to the third level take a line an entry, deeper ones stay on the line.
void print(const Json& json, int depth, std::string& out) {
  if (depth == 3 || !json.is_structured() || json.empty()) {
    out += json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  const std::string indent(static_cast<size_t>(2 * depth), ' ');
  out += json.is_object() ? "{" : "[";
  const char* separator = "\n";
  for (const auto& [key, value] : json.items()) {
    out += separator + indent + "  ";
    if (json.is_object())
      out += Json(key).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    print(value, depth + 1, out);
    separator = ",\n";
  }
  out += "\n" + indent + (json.is_object() ? "}" : "]");
}

Json parse(std::string_view text) {
  try {
    return Json::parse(text, [](int depth, Json::parse_event_t, const Json&) {
      if (depth > kDeepest)
        fail<InvalidArgument>("recipe", "the file nests more than {} levels deep. It is no recipe",
                              kDeepest);
      return true;
    });
  } catch (const nlohmann::json::exception& error) {
    fail<InvalidArgument>("recipe",
                          "the file is no valid JSON: {}. Write it anew, or correct it there",
                          error.what());
  }
}

void check_version(const JsonEntry& file) {
  if (!file.json().is_object() || !file.has("schema") || file["schema"].json() != kSchema)
    fail<InvalidArgument>(
        "recipe",
        "the file is no recipe: it has no \"schema\": \"{}\". Give one that a quantization wrote",
        kSchema);
  const int64_t version = file["version"].whole(1, INT32_MAX);
  if (version > kVersion)
    fail<InvalidArgument>(
        "recipe", "the file has version {}, this eightbit reads up to {}. Install a newer eightbit",
        version, kVersion);
}

bool is_empty(const Plan& plan) { return plan.constants.empty(); }

}  // namespace

QuantizationRecipe QuantizationRecipe::from_json(std::string_view text) {
  const Json json = parse(text);
  const JsonEntry file(json, "recipe");
  check_version(file);
  file.allow_only(
      {"schema", "version", "eightbit", "model", "options", "trial", "channel_alignment", "plan"});
  auto content = std::make_shared<RecipeContent>();
  content->version = file["eightbit"].text();
  file["model"].allow_only({"backend", "fingerprint"});
  content->backend = file["model"]["backend"].text();
  content->fingerprint = file["model"]["fingerprint"].text();
  content->options = options_from_json(
      file["options"].json().dump(-1, ' ', false, Json::error_handler_t::replace));
  validate(content->options);
  if (file.has("trial"))
    content->trial = file["trial"].json().dump(-1, ' ', false, Json::error_handler_t::replace);
  if (file.has("channel_alignment")) content->alignment_json = file["channel_alignment"].json();
  content->plan_json = file["plan"].json();
  return QuantizationRecipe(std::move(content));
}

QuantizationRecipe QuantizationRecipe::load(const std::filesystem::path& path) {
  const std::string text = read_whole_file(path);
  try {
    return from_json(text);
  } catch (const InvalidArgument& error) {
    fail<InvalidArgument>("recipe", "'{}': {}", path.string(), error.what());
  }
}

std::string QuantizationRecipe::to_json() const {
  const RecipeContent& recipe = content();
  Json json{{"schema", kSchema}, {"version", kVersion}, {"eightbit", recipe.version}};
  json["model"] = {{"backend", recipe.backend}, {"fingerprint", recipe.fingerprint}};
  json["options"] = Json::parse(eightbit::to_json(recipe.options));
  if (!recipe.trial.empty()) json["trial"] = Json::parse(recipe.trial);
  if (recipe.plan_json) {
    if (recipe.alignment_json) json["channel_alignment"] = *recipe.alignment_json;
    json["plan"] = *recipe.plan_json;
  } else {
    const Graph& graph = recipe.model.impl().graph();
    if (!is_empty(recipe.alignment))
      json["channel_alignment"] = write_plan(recipe.alignment, graph, Tensors::included);
    json["plan"] = write_plan(recipe.plan, graph, Tensors::included);
  }
  std::string out;
  print(json, 0, out);
  return out + "\n";
}

void QuantizationRecipe::save(const std::filesystem::path& path, bool overwrite) const {
  const std::string text = to_json();
  write_whole_file(path, overwrite, [&](const Write& write) { write(text.data(), text.size()); });
}

QuantizeOptions QuantizationRecipe::options() const { return content().options; }

std::string QuantizationRecipe::model_fingerprint() const { return content().fingerprint; }

const RecipeContent& QuantizationRecipe::content() const {
  if (!content_)
    fail<InvalidArgument>(
        "recipe", "the recipe is empty. Load one, or take that of a report after quantize()");
  return *content_;
}

std::map<std::string, std::string> metadata_of(const RecipeContent& recipe) {
  std::map<std::string, std::string> metadata = {
      {"version", recipe.version},
      {"options", to_json(recipe.options)},
      {"recipe", std::string(to_string(recipe.options.recipe))}};
  if (!recipe.trial.empty()) metadata["trial"] = recipe.trial;
  return metadata;
}

Plan alignment_for(const RecipeContent& recipe, const Graph& graph) {
  return recipe.alignment_json ? read_plan(*recipe.alignment_json, graph) : recipe.alignment;
}

Plan plan_for(const RecipeContent& recipe, const Graph& graph) {
  return recipe.plan_json ? read_plan(*recipe.plan_json, graph) : recipe.plan;
}

}  // namespace eightbit
