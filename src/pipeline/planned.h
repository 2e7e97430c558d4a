// The steps of quantize() one by one, for callers that carry out more than one plan of a model.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/run.h>
#include <eightbit/statistics.h>
#include <eightbit/trial_run.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/network.h"
#include "pipeline/measure.h"
#include "pipeline/recipe_content.h"
#include "pipeline/steps.h"
#include "quant/plan.h"
#include "records/statistics_data.h"

namespace eightbit {

// Options, and where they put quantizers.
struct Candidate {
  std::string what;  // "preset=mixed"
  QuantizeOptions options;
  Plan plan{};
};

// Recipe eightbit takes networks with attention for transformers where `model_type` is unset. Every
// step wants these options.
QuantizeOptions with_model_type(const backends::Network& model, QuantizeOptions options);

// Where quantizers go. Tells nobody: neither log nor notes.
Plan place(const backends::Network& model, const QuantizeOptions& options);
// After with_model_type() of `options`. Tells which of them will do nothing. `statistics`: null
// where data is to be measured.
Plan place_and_check(const backends::Network& model, QuantizeOptions& options,
                     const records::StatisticsData* statistics = nullptr);
// The same as steps of a run, after the options have been checked.
Plan place(const Model& model, QuantizeOptions& options, Steps& steps,
           const records::StatisticsData* statistics = nullptr);

using OnSpeed = std::function<void(const PassSpeed&)>;  // see MeasureOptions

// One pass over the data for what this plan needs. `keep`: inputs to keep at least.
records::StatisticsData measure_for(const Model& model, const Plan& plan, const Dataset& dataset,
                                    const QuantizeOptions& options, const RunOptions& run,
                                    int64_t keep = 0, OnSpeed on_speed = {});

// The same for what any of these plans needs; the first tells which layers there are.
records::StatisticsData measure_for(const Model& model, std::span<const Candidate> candidates,
                                    const Dataset& dataset, const RunOptions& run, int64_t keep,
                                    OnSpeed on_speed = {});

// A plan with everything in it, and the model that it is for.
struct Planned {
  Model model;     // the float model
  Model base;      // after channel alignment
  Plan alignment;  // what that did; empty: nothing
  Plan plan;       // for `base`
  // that corrections ask for, of those that are kept (trial_run.h)
  int64_t correction_samples = 0;
};

// With a journal, steps that an earlier run has done and that took long are not done again.
// `before_judged`: told what there is before an algorithm whose result a trial run judges.
Planned complete(const Model& model, const records::StatisticsData& statistics, Plan plan,
                 const QuantizeOptions& options, const RunOptions& run, Steps& steps,
                 const std::function<void(const Planned& so_far)>& before_judged = {});

// Throws InvalidArgument for statistics of another model.
void check_model(const Model& model, const Statistics& statistics);

// Opens the journal of a run that has a checkpoint; see Journal. `what`: "quantize".
void open_journal(std::string_view what, const Model& model, const QuantizeOptions& options,
                  const RunOptions& run, Steps& steps);
// The results of a journal are those of these statistics. Throws InvalidArgument for others.
void belongs_to(const records::StatisticsData& statistics, Journal& journal);

// Fills in plan.biases.
void correct_biases(const backends::Network& model, const records::StatisticsData& statistics,
                    const QuantizeOptions& options, const RunOptions& run, Plan& plan);

// Warns where a plan quantizes nothing, unless it is known why.
void warn_if_empty(const Plan& plan);

// With `plan`, which may be another than that of `planned`.
std::shared_ptr<const RecipeContent> recipe_of(const Planned& planned, const Plan& plan,
                                               const QuantizeOptions& options,
                                               const std::optional<TrialRun>& trial = {});
Model write(const Model& base, const RecipeContent& recipe, const Plan& plan);
void fill(Report& report, const Graph& graph, std::shared_ptr<const RecipeContent> recipe,
          const Plan& plan);

}  // namespace eightbit
