// The last decisions of a run, taken on what its users get: a trial run of the result, and where
// that tells of garbage, the layers that it comes from in float.
//
// Needs:   a complete plan, and kept samples that no correction has seen.
// Does:    writes the model and runs it by the runtime's defaults. Biases that were corrected to no
//          good go back. Where an output falls below min_sqnr_db, groups of quantizers are ranked
//          by the noise that they cause for the work that they take into integers
//          (search/ranking.h), and few that mend it are searched for
//          (search/reversal_search.h), each time in a trial run of its own, so that faults of the
//          runtime count as well.
#pragma once

#include <eightbit/options.h>
#include <eightbit/run.h>
#include <eightbit/trial_run.h>

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "base/journal.h"
#include "pipeline/planned.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {

// min_sqnr_db, or the default where it is unset; 0: off.
double quality_floor(const QuantizeOptions& options);

struct Settled {
  Plan plan;                      // with notes of what was found
  std::optional<TrialRun> trial;  // nothing: off, or there was nothing to run
  std::string missed;             // why the floor is not held, and what to do; empty: it is
  // What the trial run was done with, for decisions after these; null where there was none.
  std::shared_ptr<TrialBench> bench;
  std::shared_ptr<Tried> tried;  // the model of `plan`
};

// `calibration_seconds`: that the pass over the data took; the search takes no more than a pass
// over 300 samples would. What an earlier run has tried stands in `journal`. `uncorrected`: of
// compile_uncorrected(), or invalid.
Settled settle(const Planned& planned, const records::StatisticsData& statistics,
               const QuantizeOptions& options, const RunOptions& run, double calibration_seconds,
               Journal& journal, std::future<Compiled> uncorrected = {});

}  // namespace eightbit
