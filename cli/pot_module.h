// Configurations of POT whose engine is code of the user's own: Python runs them.
#pragma once

#include <eightbit/pot.h>

#include <filesystem>
#include <string>

#include "console.h"

namespace eightbit::cli {

struct ModuleRun {
  std::filesystem::path folder;  // where results go; it is made when there is an engine
  std::string log_level;
  bool evaluate = false, keep_weights = false;
};

// `config` has a module; `json` is the whole file. Quantizes by eightbit.pot in the Python that
// $EIGHTBIT_PYTHON names, else python3, which prints what there is to say. Throws InvalidArgument
// with what Python says where the request is wrong, and what its user's code raised.
void run_module(const pot::Configuration& config, const std::string& json, const ModuleRun& run,
                Console& console);

}  // namespace eightbit::cli
