#include "pipeline/trial/silent_outputs.h"

#include <algorithm>
#include <cmath>

#include "graph/roles.h"
#include "search/noise_attribution.h"

namespace eightbit {
namespace {

// A score that nobody takes for a find.
constexpr double kSilent = 0.1;
// Root mean square: that of a float map with a find on a thousandth of its elements.
constexpr double kSilentMean = 0.03;

// Of such values of a sample; nothing where one is a find, or no number.
std::optional<double> largest_if_silent(const Tensor& output, double float_energy) {
  const std::vector<float> values = to_floats(output);
  const auto count = static_cast<double>(values.size());
  if (float_energy > count * kSilentMean * kSilentMean) return std::nullopt;
  double largest = 0;
  for (float value : values) {
    if (!(value <= kSilent)) return std::nullopt;
    largest = std::max<double>(largest, value);
  }
  return largest;
}

bool are_scores(const Graph& graph) {
  const std::vector<ValueId> outputs = search::noisy_outputs(graph);
  return !outputs.empty() && std::ranges::all_of(outputs, [&](ValueId output) {
    return comes_from(graph, output, Op::sigmoid);
  });
}

}  // namespace

std::optional<SilentSamples> silent_samples(const Graph& graph, const Tried& tried,
                                            const std::vector<search::OutputPart>& parts) {
  constexpr size_t kOneIn = 10;
  const size_t samples = tried.outputs.size();
  if (samples == 0 || tried.noise.size() != samples || !are_scores(graph)) return std::nullopt;
  SilentSamples silent;
  for (size_t s = 0; s < samples; ++s) {
    std::optional<double> largest = 0;
    const std::vector<Tensor> outputs = tried.outputs.of(s);
    for (size_t i = 0; i < parts.size() && largest; ++i) {
      const auto of_part = largest_if_silent(outputs[parts[i].output], tried.noise[s][i].signal());
      largest = of_part ? std::optional(std::max(*largest, *of_part)) : std::nullopt;
    }
    if (!largest) continue;
    ++silent.count;
    silent.largest = std::max(silent.largest, *largest);
  }
  const size_t finds = samples - static_cast<size_t>(silent.count);
  return kOneIn * finds <= samples ? std::optional(silent) : std::nullopt;
}

}  // namespace eightbit
