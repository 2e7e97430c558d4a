// What stands in a recipe file (format: docs/recipe_file.md).
#pragma once

#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/recipe.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "quant/plan.h"

namespace eightbit {

// From a run, with model and plans, or from a file, with their JSON.
struct RecipeContent {
  std::string version;               // of eightbit
  std::string backend, fingerprint;  // of the float model
  QuantizeOptions options;
  // what the trial run found, without times, as JSON; empty: there was none
  std::string trial;

  Model model;  // of a run
  // what channel alignment does first; empty plan: nothing
  Plan alignment, plan;

  std::optional<nlohmann::ordered_json> alignment_json, plan_json;  // of a file
};

// What is stored in a quantized model.
std::map<std::string, std::string> metadata_of(const RecipeContent& recipe);

// The plans for a model of the recipe's fingerprint. Throw InvalidArgument where they do not fit.
Plan alignment_for(const RecipeContent& recipe, const Graph& graph);
Plan plan_for(const RecipeContent& recipe, const Graph& graph);

}  // namespace eightbit
