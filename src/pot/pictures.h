// Pictures of the simplified engine: where they are, and how they become tensors.
#pragma once

#include <eightbit/pot.h>

#include <string>
#include <vector>

#include "base/json_reader.h"

namespace eightbit::pot {

// `given`: what stands for "data_source" where the section has none; may be empty.
Pictures pictures_of(const JsonEntry& engine, const std::string& given);

// Of the part `part` of a cascade: "data_source" is an object of a source for each part, and
// `given` a list of "part=SOURCE".
Pictures pictures_of_part(const JsonEntry& engine, const std::string& part,
                          const std::vector<std::string>& given);

}  // namespace eightbit::pot
