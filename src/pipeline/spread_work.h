// Parts of a run that may be worked out in another process (RunOptions::spread, work_out()).
//
// A context is a line of JSON that says what it is and of which version and model, and bytes of
// statistics behind it. Tasks and answers are JSON; numbers go over as they are (exact()), so that
// the result does not depend on where they were worked out.
//   tune:  context: the options that were asked for; statistics with the samples to judge by.
//          task: options. answer: decibels of their outputs.
//   rank:  context: the plan; the samples that layers are ranked on. task: the number of a sample.
//          answer: its terms (search/ranking.h).
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/run.h>

#include <string>
#include <vector>

#include "pipeline/planned.h"
#include "records/statistics_data.h"

namespace eightbit {

// Decibels of candidates, in order. `statistics` hold the samples to judge by.
std::vector<double> spread_candidates(const Model& model, const QuantizeOptions& asked,
                                      const records::StatisticsData& statistics,
                                      const std::vector<QuantizeOptions>& candidates,
                                      const RunOptions& run);

// noise_terms() of these samples.
std::vector<std::vector<double>> spread_noise_terms(const Planned& planned,
                                                    const std::vector<Sample>& samples,
                                                    const RunOptions& run);

}  // namespace eightbit
