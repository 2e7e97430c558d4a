// What calibrate and merge print.
#pragma once

#include <eightbit/statistics.h>

#include <string>

#include "console.h"

namespace eightbit::cli {

void print_statistics(Console& console, const Statistics& statistics, const std::string& path);

}  // namespace eightbit::cli
