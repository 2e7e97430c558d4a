// The plan after each algorithm, in the journal: what took long is not done again.
//
// A plan with new weights is large. It is kept where writing it takes little of the time that has
// passed since the last one was, or where that is long in any case.
#pragma once

#include <eightbit/options.h>

#include <chrono>
#include <string>
#include <string_view>

#include "pipeline/algorithm_run.h"
#include "pipeline/journal.h"
#include "quant/plan.h"

namespace eightbit {

class DoneSteps {
 public:
  // All that is given must outlive it. `placed`: the plan that the first algorithm starts from.
  DoneSteps(const Graph& graph, const QuantizeOptions& options, const Plan& placed,
            Journal& journal);

  // True where an earlier run has got further than this: then that is what `plan` and `run` hold
  // before the first algorithm that it has not done.
  bool take(std::string_view algorithm, AlgorithmRun& run, Plan& plan);
  void add(std::string_view algorithm, const AlgorithmRun& run, const Plan& plan);

 private:
  using Clock = std::chrono::steady_clock;
  std::string key(std::string_view algorithm) const;

  const Graph& graph_;
  Journal& journal_;
  std::string start_;
  // the last algorithm that an earlier run has kept; empty: none
  std::string furthest_;
  Clock::time_point saved_ = Clock::now();
};

}  // namespace eightbit
