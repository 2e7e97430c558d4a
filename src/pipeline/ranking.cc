#include "pipeline/ranking.h"

#include <chrono>
#include <set>

#include "accuracy/noise_attribution.h"
#include "base/log.h"
#include "pipeline/noise.h"

namespace eightbit {
namespace {

using accuracy::NoiseByValue;

NoiseByValue noise_at(const backends::Network& model, const Plan& plan,
                      const std::vector<ValueId>& values, bool alone,
                      const std::vector<Sample>& samples, const RunOptions& run) {
  backends::PlanComparison compared{&plan, {}, alone};
  for (ValueId value : values) compared.comparisons.push_back({value});
  auto at = samples.begin();
  int64_t done = 0;
  const auto sums = measure_noise(
      model, std::move(compared), run.threads,
      [&] { return at == samples.end() ? std::nullopt : std::optional(*at++); },
      [&] {
        if (run.progress)
          run.progress({alone ? "rank layers (2/2)" : "rank layers (1/2)", ++done,
                        static_cast<int64_t>(samples.size())});
      });
  NoiseByValue noise;
  for (size_t i = 0; i < values.size(); ++i) noise[values[i]] = {sums[i].signal, sums[i].noise};
  return noise;
}

}  // namespace

std::vector<double> noise_shares(const backends::Network& model, const Plan& plan,
                                 const std::vector<accuracy::QuantizerGroup>& groups,
                                 const std::vector<Sample>& samples, const RunOptions& run) {
  const Graph& graph = model.graph();
  const auto as_it_is =
      noise_at(model, plan, accuracy::values_with_noise(graph, plan), false, samples, run);
  Plan uncorrected = plan;
  uncorrected.biases.clear();  // they make up for what earlier layers do
  const auto alone = noise_at(model, uncorrected, accuracy::values_with_own_noise(graph, plan),
                              true, samples, run);
  return accuracy::attribute_noise(graph, plan, groups, as_it_is, alone);
}

std::vector<std::vector<double>> noise_of_each(const backends::Network& model, const Plan& plan,
                                               const std::vector<accuracy::QuantizerGroup>& groups,
                                               const std::vector<Sample>& samples,
                                               const RunOptions& run) {
  if (!model.engine().can_switch()) return {};
  const Graph& graph = model.graph();
  Plan uncorrected = plan;
  uncorrected.biases.clear();  // they are for all quantizers together
  backends::SwitchComparison compared;
  compared.plan = &uncorrected;
  for (ValueId output : accuracy::noisy_outputs(graph)) compared.comparisons.push_back({output});
  for (const accuracy::QuantizerGroup& group : groups) {
    std::set<NodeId> nodes;
    for (size_t q : group.quantizers)
      for (const Use& use : plan.quantizers[q].uses)
        if (graph.node(use.node).owner == kNone && graph.node(use.node).op != Op::result)
          nodes.insert(use.node);
    compared.switches.emplace_back(nodes.begin(), nodes.end());
  }
  for (size_t g = 0; g < groups.size(); ++g)
    for (size_t s = 0; s < samples.size(); ++s)
      compared.rows.emplace_back(groups.size(), 0.0f).at(g) = 1.0f;
  const size_t outputs = compared.comparisons.size(), all = compared.rows.size();
  std::vector<std::vector<double>> noise(groups.size(), std::vector<double>(outputs));
  size_t at = 0, done = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto executor = model.compile(std::move(compared), {run.threads, {}});
  log(LogLevel::debug, "rank layers: compiled in {:.3f} s",
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  executor->run(
      [&] { return at == all ? std::nullopt : std::optional(samples[at++ % samples.size()]); },
      [&](int64_t, std::span<const float> record) {
        const size_t g = std::min(done++ / samples.size(), groups.size() - 1);
        for (size_t i = 0; i < outputs; ++i) noise[g][i] += record[4 * i + 1];
        if (run.progress)
          run.progress({"rank layers", static_cast<int64_t>(done), static_cast<int64_t>(all)});
      });
  return noise;
}

std::vector<Sample> samples_at(const Dataset& data, const std::vector<int64_t>& numbers) {
  const std::set<int64_t> wanted(numbers.begin(), numbers.end());
  const auto source = data.open();
  std::vector<Sample> samples;
  for (int64_t number = 0; samples.size() < wanted.size(); ++number) {
    auto sample = source->next();
    if (!sample) return {};
    if (wanted.contains(number)) samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace eightbit
