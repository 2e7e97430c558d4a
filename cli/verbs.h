// The verbs of the command line. Each adds its subcommand with its flags; the work runs once all
// flags are read.
#pragma once

#include <CLI/CLI.hpp>

namespace eightbit::cli {

void add_quantize(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_merge(CLI::App& app);
void add_plan(CLI::App& app);
void add_inspect(CLI::App& app);
void add_compare(CLI::App& app);
void add_report(CLI::App& app);
void add_benchmark(CLI::App& app);
void add_pot(CLI::App& app);

}  // namespace eightbit::cli
