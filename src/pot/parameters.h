// Parameters of POT's algorithms as options of quantize(). docs/pot.md has the table.
#pragma once

#include <eightbit/pot.h>

#include "base/json_reader.h"

namespace eightbit::pot {

// What a file says once, beside its algorithms, and the API in the parameters of each.
struct Shared {
  std::optional<JsonEntry> target_device, model_type;
};

// `list`: the algorithms. See read_algorithms().
Algorithms algorithms_of(const JsonEntry& list, const Shared& shared, bool strict,
                         std::string_view part = "");

}  // namespace eightbit::pot
