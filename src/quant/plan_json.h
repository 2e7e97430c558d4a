// The plan as JSON, whole and exact: read back, it makes the same model. Values are named for the
// reader and found by their uses, such as "conv1:1" (input 1 of node conv1).
#pragma once

#include <nlohmann/json.hpp>

#include "quant/plan.h"

namespace eightbit {

enum class Tensors { left_out, included };

// Floats are written with the fewest digits that give the same float again.
nlohmann::ordered_json write_plan(const Plan& plan, const Graph& graph, Tensors tensors);

// Indented; bytes of names that are no UTF-8 are replaced.
std::string to_text(const nlohmann::ordered_json& json);

// Throws InvalidArgument naming the entry: unknown keys, wrong types, nodes that the graph lacks,
// numbers that no quantizer can have.
Plan read_plan(const nlohmann::ordered_json& json, const Graph& graph);

}  // namespace eightbit
