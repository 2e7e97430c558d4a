#include "pipeline/algorithm_run.h"

#include <algorithm>

#include "backends/network.h"
#include "base/error.h"
#include "pipeline/measure.h"
#include "pipeline/memory_need.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {
namespace {

// Its graph is the same but for the constants.
Model applied(const backends::Network& network, const Plan& constants) {
  const Graph& graph = network.graph();
  Model out(network.apply(constants, {}));
  EIGHTBIT_CHECK(
      std::ranges::equal(graph.nodes, out.impl().graph().nodes, {}, &Node::name, &Node::name),
      "an algorithm changed more than constants");
  return out;
}

}  // namespace

const Graph& AlgorithmRun::graph() const { return network_->graph(); }

Kernels AlgorithmRun::kernels() const { return network_->kernels(); }

// Of those that are kept, as many as are asked for and the trial run leaves.
std::vector<int64_t> AlgorithmRun::samples(int64_t wanted) const {
  const records::KeptSamples& kept = statistics_.kept_samples;
  if (!options_.trial_run) return kept.spread(wanted);
  return spread_over(split_samples(kept, algorithms::samples_wanted(options_)).correction, wanted);
}

int64_t AlgorithmRun::most_moment_bytes() const { return moment_bytes(run_.max_memory); }

void AlgorithmRun::gather(const std::vector<Tap>& taps, std::span<const int64_t> samples,
                          std::string_view step) {
  run_kept(*network_, statistics_, samples, taps, step, run_);
}

std::optional<std::vector<BiasShift>> AlgorithmRun::bias_shifts(const Plan& plan,
                                                                std::span<const int64_t> samples,
                                                                bool checked) {
  return measure_bias_shifts(*network_, statistics_, plan, samples, checked, run_);
}

void AlgorithmRun::change_network(Plan constants) {
  EIGHTBIT_CHECK(!changed_.valid(), "two algorithms change the network");
  change_ = std::move(constants);
  if (change_.constants.empty()) return;
  changed_ = applied(*network_, change_);
  network_ = &changed_.impl();
}

Model with_constants(const Model& model, const Plan& constants) {
  return constants.constants.empty() ? model : applied(model.impl(), constants);
}

}  // namespace eightbit
