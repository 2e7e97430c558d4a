// Times of models on a machine that does other work as well: they take turns, so that it slows all
// of them alike.
#pragma once

#include <eightbit/dataset.h>

#include <span>
#include <vector>

#include "backends/network.h"

namespace eightbit {

struct Turns {
  // by runner: the least time of each sample, averaged over samples
  std::vector<double> milliseconds;
  // by how much the times of even and odd rounds differ, the largest share
  double chance = 0;
};

// For about `seconds`, or until chance is small. All run each sample once before, not counted. The
// order changes from round to round, and what is short runs twice in a row: a model pays for what
// the one before it left in caches and threads.
Turns take_turns(std::span<backends::Runner* const> runners, std::span<const Sample> samples,
                 double seconds, int least_rounds = 4);

}  // namespace eightbit
