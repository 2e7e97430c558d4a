#include "pipeline/ranking.h"

#include <set>

#include "accuracy/noise_attribution.h"
#include "pipeline/noise.h"

namespace eightbit {
namespace {

using accuracy::NoiseByValue;

NoiseByValue noise_at(const backends::BackendModel& model, const Plan& plan, const std::vector<ValueId>& values, bool alone,
                      const std::vector<Sample>& samples, const RunOptions& run) {
  backends::Program program;
  program.plan = &plan;
  program.layers_alone = alone;
  program.threads = run.threads;
  for (ValueId value : values) program.comparisons.push_back({value, kNone});
  auto at = samples.begin();
  int64_t done = 0;
  const auto sums = measure_noise(
      model, program, [&] { return at == samples.end() ? std::nullopt : std::optional(*at++); },
      [&] {
        if (run.progress)
          run.progress({alone ? "rank layers (2/2)" : "rank layers (1/2)", ++done, static_cast<int64_t>(samples.size())});
      });
  NoiseByValue noise;
  for (size_t i = 0; i < values.size(); ++i) noise[values[i]] = {sums[i].signal, sums[i].noise};
  return noise;
}

}  // namespace

std::vector<double> noise_shares(const backends::BackendModel& model, const Plan& plan,
                                 const std::vector<accuracy::QuantizerGroup>& groups,
                                 const std::vector<Sample>& samples, const RunOptions& run) {
  const Graph& graph = model.graph();
  const auto as_it_is = noise_at(model, plan, accuracy::values_with_noise(graph, plan), false, samples, run);
  Plan uncorrected = plan;
  uncorrected.biases.clear();  // they make up for what earlier layers do
  const auto alone =
      noise_at(model, uncorrected, accuracy::values_with_own_noise(graph, plan), true, samples, run);
  return accuracy::attribute_noise(graph, plan, groups, as_it_is, alone);
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
