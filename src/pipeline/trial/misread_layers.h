// Layers that go back to float for what a runtime makes of them in 8 bits, whatever the floor of
// quality says: it computes something else than the quantizers say, or cannot compile them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "search/misread_search.h"

namespace eightbit {

struct LayersInFloat {
  Plan plan;                       // without them
  std::vector<std::string> names;  // of the layers
  double share = 0;                // of the multiplications in integers, those of these layers
};

// What the quantizers of a plan say, and what the runtime does; nothing where time has run out.
using ReadPlan = std::function<std::optional<search::Readings>(const Plan&)>;

// `all`: of `plan` itself. `reason`: for each layer in float, in its plan. Nothing where not a few
// layers are at fault.
std::optional<LayersInFloat> find_misread_layers(const Graph& graph, const Plan& plan,
                                                 const search::Readings& all,
                                                 std::string_view reason, const ReadPlan& read);

}  // namespace eightbit
