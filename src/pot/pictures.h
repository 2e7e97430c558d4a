// Pictures of the simplified engine: where they are, and how they become tensors.
#pragma once

#include <eightbit/pot.h>

#include <string>

#include "base/json_reader.h"

namespace eightbit::pot {

// `given`: what stands for "data_source" where the section has none; may be empty.
Pictures pictures_of(const JsonEntry& engine, const std::string& given);

}  // namespace eightbit::pot
