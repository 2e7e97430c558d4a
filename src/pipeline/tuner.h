// Chooses options by what they do to the model's outputs, all from one pass over the data.
#pragma once

#include <eightbit/options.h>
#include <eightbit/quantize.h>
#include <eightbit/run.h>

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/journal.h"
#include "pipeline/planned.h"
#include "records/kept_samples.h"

namespace eightbit {

struct Tuned {
  Candidate best;
  Planned planned;
  std::vector<TuneTrial> trials;
};

class Tuner {
 public:
  // What the caller has asked for stays as it is. Throws InvalidArgument for what decides by a
  // trial run.
  Tuner(const Model& model, const QuantizeOptions& options);

  // One pass that suits all candidates. Some of the kept samples are set aside, to judge by. Throws
  // DataError where there are fewer than two.
  records::StatisticsData measure(const Dataset& dataset, const RunOptions& run, int64_t keep = 0);

  // Of statistics that were measured before, with at least two kept samples: the same.
  records::StatisticsData with_judges_aside(records::StatisticsData statistics);

  // From these statistics: one kind of option after the other, each time going on with the best so
  // far. The judge: signal to noise of the outputs, on the samples that were set aside, which no
  // correction has seen. What an earlier run has tried stands in `journal`.
  Tuned tune(const records::StatisticsData& statistics, const RunOptions& run,
             Journal& journal) const;

  // What the judge says of these options.
  double judged(const QuantizeOptions& options, const records::StatisticsData& statistics,
                const RunOptions& run) const;

 private:
  using Change = std::function<void(QuantizeOptions&)>;
  using Kind = std::vector<std::pair<std::string, Change>>;  // choices that exclude each other
  static std::vector<Kind> kinds(const QuantizeOptions& asked);
  Candidate candidate(const std::string& what, const QuantizeOptions& options) const;
  std::vector<Candidate> all() const;
  double sqnr_db(const Planned& planned, const RunOptions& run) const;
  std::vector<double> spread(const std::vector<Candidate>& candidates,
                             const records::StatisticsData& statistics,
                             const RunOptions& run) const;

  const Model& model_;
  QuantizeOptions asked_;
  records::KeptSamples judges_;
};

}  // namespace eightbit
