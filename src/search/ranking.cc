#include "search/ranking.h"

#include <chrono>
#include <set>

#include "base/log.h"
#include "search/noise.h"
#include "search/noise_attribution.h"

namespace eightbit {
namespace {

using search::NoiseByValue;

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
                                 const std::vector<search::QuantizerGroup>& groups,
                                 const std::vector<Sample>& samples, const RunOptions& run) {
  const Graph& graph = model.graph();
  const auto as_it_is =
      noise_at(model, plan, search::values_with_noise(graph, plan), false, samples, run);
  Plan uncorrected = plan;
  uncorrected.biases.clear();  // they make up for what earlier layers do
  const auto alone =
      noise_at(model, uncorrected, search::values_with_own_noise(graph, plan), true, samples, run);
  return search::attribute_noise(graph, plan, groups, as_it_is, alone);
}

namespace {

// Of records of comparisons, those of `runs` runs in which groups took turns.
std::vector<std::vector<double>> over_signal(const std::vector<std::vector<float>>& records,
                                             size_t groups, size_t runs) {
  if (records.empty()) return {};
  const size_t items = std::max<size_t>(1, records.size() / runs);
  const size_t outputs = records.front().size() / 4;
  std::vector<std::vector<double>> noise(groups, std::vector<double>(outputs)), signal = noise;
  for (size_t r = 0; r < records.size(); ++r)
    for (size_t i = 0; i < outputs; ++i) {
      signal[r / items % groups][i] += records[r][4 * i];
      noise[r / items % groups][i] += records[r][4 * i + 1];
    }
  for (size_t g = 0; g < groups; ++g)
    for (size_t i = 0; i < outputs; ++i)
      noise[g][i] = signal[g][i] > 0 ? noise[g][i] / signal[g][i] : 0;
  return noise;
}

}  // namespace

std::vector<std::vector<double>> noise_of_each(const backends::Network& model, const Plan& plan,
                                               const std::vector<search::QuantizerGroup>& groups,
                                               const std::vector<Sample>& samples,
                                               const RunOptions& run, double seconds) {
  if (!model.engine().can_switch()) return {};
  const Graph& graph = model.graph();
  Plan uncorrected = plan;
  uncorrected.biases.clear();  // they are for all quantizers together
  backends::SwitchComparison compared;
  compared.plan = &uncorrected;
  for (ValueId output : search::noisy_outputs(graph)) compared.comparisons.push_back({output});
  for (const search::QuantizerGroup& group : groups) {
    std::set<NodeId> nodes;
    for (size_t q : group.quantizers)
      for (const Use& use : plan.quantizers[q].uses)
        if (graph.node(use.node).owner == kNone && graph.node(use.node).op != Op::result)
          nodes.insert(use.node);
    compared.switches.emplace_back(nodes.begin(), nodes.end());
  }
  for (size_t s = 0; s < samples.size(); ++s)
    for (size_t g = 0; g < groups.size(); ++g)
      compared.rows.emplace_back(groups.size(), 0.0f).at(g) = 1.0f;
  using Clock = std::chrono::steady_clock;
  const auto all = compared.rows.size();
  const auto begin = Clock::now();
  const auto executor = model.compile(std::move(compared), {run.threads, {}});
  log(LogLevel::debug, "rank layers: compiled in {:.3f} s",
      std::chrono::duration<double>(Clock::now() - begin).count());
  size_t at = 0, done = 0;
  const auto next = [&]() -> std::optional<Sample> {
    const bool late = Clock::now() - begin > std::chrono::duration<double>(seconds);
    if (at == all || (at > 0 && at % groups.size() == 0 && late)) return std::nullopt;
    return samples[at++ / groups.size()];
  };
  std::vector<std::vector<float>> records;  // one an item, where samples are batches
  executor->run(next, [&](int64_t, std::span<const float> record) {
    records.emplace_back(record.begin(), record.end());
    if (run.progress)
      run.progress({"rank layers", static_cast<int64_t>(++done), static_cast<int64_t>(all)});
  });
  return over_signal(records, groups.size(), at);
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
