// Models compiled on threads of their own, and how much memory allows of that.
#pragma once

#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/run.h>

#include <cstdint>
#include <future>

#include "pipeline/planned.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {

int64_t bytes_of(const Model& model);  // of its weights
// It has no file, and runs in a program of one thread.
bool in_own_framework(const Model& model);
// Compiled, more of such models at once would be much memory.
bool is_large(const Planned& planned, const RunOptions& run);

std::future<Compiled> compiled(Model model, backends::FloatPrecision precision, std::launch when);

// The model before biases are corrected, compiled on a thread of its own while corrections are
// measured: that keeps one core busy most of the time. (What runs meanwhile takes more than it
// gives: threads of both wait for each other.) An invalid future where the trial run is off, or
// where memory has no room for another compiled model.
std::future<Compiled> compile_uncorrected(const Planned& planned, const QuantizeOptions& options,
                                          const RunOptions& run);

}  // namespace eightbit
