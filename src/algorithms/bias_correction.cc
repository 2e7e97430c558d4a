#include "algorithms/bias_correction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "algorithms/fast_bias_correction.h"
#include "base/error.h"
#include "base/log.h"
#include "graph/roles.h"

namespace eightbit::algorithms {
namespace {

// The probe of a node, where it has a weight and a channel axis of known size and stands in no
// branch of an If.
std::optional<BiasProbe> probe_at(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.owner != kNone || !has(node.op, kBias) || weight_port(graph, id) == kNone) return {};
  const int64_t axis = output_channel_axis(graph, id);
  if (axis == kNone) return {};
  const int64_t channels = graph.value(node.outputs[0]).shape[static_cast<size_t>(axis)];
  if (channels < 1) return {};
  BiasProbe probe{id, axis, channels, id, kNone};
  if (const auto bias = bias_behind(graph, id);
      bias &&
      graph.value(graph.node(bias->node).outputs[0]).shape == graph.value(node.outputs[0]).shape)
    probe.node = bias->node;
  const std::vector<Use>& uses = graph.value(graph.node(probe.node).outputs[0]).uses;
  if (uses.size() == 1 && graph.node(uses[0].node).op == Op::relu)
    probe.relu = graph.node(uses[0].node).outputs[0];
  else
    probe.node = id;
  return probe;
}

// Whose mean is compared.
ValueId compared_value(const Graph& graph, const BiasProbe& probe) {
  return probe.relu != kNone ? probe.relu : graph.node(probe.node).outputs[0];
}

// A mean behind a ReLU says what it would be of scaled channels, but not of shifted ones.
bool is_known(const ChannelChange& change, const BiasProbe& probe) {
  return probe.relu == kNone ||
         std::ranges::all_of(change.shift, [](float shift) { return shift == 0; });
}

// Whether magnitudes are taken of a layer's output: squares, powers, absolute values. What is 0
// must stay 0 there: a shift, however small, is all that logarithms and roots behind it see of
// silence.
bool is_measured_in_magnitude(const Graph& graph, NodeId layer) {
  std::vector<NodeId> open = {layer};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    for (ValueId output : graph.node(id).outputs)
      for (const Use& use : graph.value(output).uses) {
        const Node& reader = graph.node(use.node);
        const bool squares = reader.op == Op::multiply && reader.inputs.size() == 2 &&
                             reader.inputs[0] == reader.inputs[1];
        if (squares || reader.op == Op::power || reader.op == Op::abs || reader.op == Op::reduce_l2)
          return true;
        if (passes_on(reader.op)) open.push_back(use.node);
      }
  }
  return false;
}

}  // namespace

std::vector<BiasProbe> bias_probes(const Graph& graph, const Plan& plan) {
  std::set<NodeId> quantized;
  for (const Quantizer& q : plan.quantizers)
    for (const Use& use : q.uses) quantized.insert(use.node);
  std::vector<BiasProbe> probes;
  for (NodeId id : quantized)
    if (const auto probe = probe_at(graph, id); probe && !is_measured_in_magnitude(graph, id))
      probes.push_back(*probe);
  return probes;
}

std::vector<BiasProbe> all_layers(const Graph& graph) {
  std::vector<BiasProbe> probes;
  for (const Node& node : graph.nodes)
    if (const auto probe = probe_at(graph, node.id)) probes.push_back(*probe);
  return probes;
}

std::vector<records::Point> layer_points(const Graph& graph, const std::vector<BiasProbe>& probes) {
  std::vector<records::Point> points;
  for (const BiasProbe& probe : probes) {
    const Value& value = graph.value(compared_value(graph, probe));
    points.push_back({value.name, {value.id, probe.axis, probe.channels, kMean}});
  }
  return points;
}

std::vector<std::vector<float>> reference_means(const Graph& graph,
                                                const std::vector<BiasProbe>& probes,
                                                const records::StatisticsData& statistics,
                                                std::span<const int64_t> samples,
                                                const Plan& plan) {
  std::vector<std::vector<float>> rows;
  for (int64_t number : samples) {
    auto& row = rows.emplace_back();
    for (const BiasProbe& probe : probes) {
      const ValueId value = graph.node(probe.corrected()).outputs[0];
      auto means = statistics.layer_means(number, compared_value(graph, probe));
      if (static_cast<int64_t>(means.size()) != probe.channels) return {};
      for (const ChannelChange& change : plan.changes)
        if (change.value == value && !is_known(change, probe))
          return {};
        else if (change.value == value)
          for (size_t c = 0; c < means.size(); ++c)
            means[c] = (means[c] - change.shift[c]) / change.factor[c];
      row.insert(row.end(), means.begin(), means.end());
    }
  }
  return rows;
}

BiasCorrection::BiasCorrection(std::vector<BiasProbe> probes) : probes_(std::move(probes)) {
  size_t size = 0;
  for (const auto& probe : probes_) size += static_cast<size_t>(probe.channels);
  sum_.resize(size);
  square_.resize(size);
}

void BiasCorrection::add(std::span<const float> record) {
  EIGHTBIT_CHECK(record.size() == sum_.size(), "{} differences of means, {} expected",
                 record.size(), sum_.size());
  for (size_t i = 0; i < record.size(); ++i) {
    sum_[i] += record[i];
    square_[i] += static_cast<double>(record[i]) * record[i];
  }
  ++count_;
}

// With s_k the difference in sample k and m_k the average over the others, the error that is left
// in sample k is s_k - m_k = (s_k - m) n / (n - 1).
bool BiasCorrection::helps(size_t first, int64_t channels) const {
  const auto n = static_cast<double>(count_);
  double before = 0, after = 0;
  for (size_t i = first; i < first + static_cast<size_t>(channels); ++i) {
    before += square_[i];
    after += (square_[i] - sum_[i] * sum_[i] / n) * (n / (n - 1)) * (n / (n - 1));
  }
  return after < before;
}

// The mean m of n samples with variance v, less the share of m^2 that is chance: m max(0, 1 - v /
// (n m^2)) (the positive part of James and Stein's estimator, Proc. Fourth Berkeley Symp. 1, 1961).
// A shift that all samples agree on stays; one that a few samples make, which quantization has
// turned into something else, goes.
double BiasCorrection::trusted_mean(size_t i) const {
  const auto n = static_cast<double>(count_);
  const double mean = sum_[i] / n;
  if (count_ < 2 || !(mean < 0 || mean > 0)) return mean;
  const double variance = std::max(0.0, square_[i] - n * mean * mean) / (n - 1);
  return mean * std::max(0.0, 1 - variance / (n * mean * mean));
}

std::vector<BiasShift> BiasCorrection::shifts(bool checked) const {
  std::vector<BiasShift> out;
  if (count_ == 0) return out;
  size_t at = 0;
  for (const auto& probe : probes_) {
    const size_t first = std::exchange(at, at + static_cast<size_t>(probe.channels));
    const auto squares = std::span(square_).subspan(first, static_cast<size_t>(probe.channels));
    // a tensor without elements
    if (std::ranges::all_of(squares, [](double x) { return x == 0; })) continue;
    if (checked && count_ > 1 && !helps(first, probe.channels)) continue;
    BiasShift shift{probe.corrected(), probe.axis, {}};
    for (size_t i = first; i < at; ++i) shift.shift.push_back(static_cast<float>(trusted_mean(i)));
    out.push_back(std::move(shift));
  }
  return out;
}

namespace {

bool applies(const QuantizeOptions& options) {
  return !options.advanced_parameters.disable_bias_correction;
}

// Recipe nncf corrects from the means of the records, unless it is asked to take its time.
bool in_closed_form(const QuantizeOptions& options) {
  return options.recipe == Recipe::nncf && options.fast_bias_correction;
}

// A few; more when asked to take its time.
int64_t correction_samples(const QuantizeOptions& options) {
  if (!corrects_by_running(options)) return 0;
  return options.fast_bias_correction ? kCorrectionSamples : kCarefulCorrectionSamples;
}

// Of more than one plan, the first tells which layers there are.
void request_means(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                   Request& request) {
  if (in_closed_form(options))
    fast_bias_correction_request(graph, plan, request.taps);
  else if (request.layers.empty())
    request.layers = layer_points(graph, bias_probes(graph, plan));
}

// Nothing, with a note, where the runtime cannot run the planned network: the trial run will find
// out which layers.
std::optional<std::vector<BiasShift>> found_shifts(Run& run, const std::vector<int64_t>& samples,
                                                   Plan& plan) {
  const QuantizeOptions& options = run.options();
  std::optional<std::vector<BiasShift>> measured;
  if (!in_closed_form(options)) try {
      measured = run.bias_shifts(plan, samples, !options.fast_bias_correction);
    } catch (const ModelError& error) {
      plan.notes.push_back(fmt::format("bias correction is left out: {}", error.what()));
      log(LogLevel::warning, "{}", plan.notes.back());
      return std::nullopt;
    }
  auto shifts =
      measured ? *measured : fast_bias_shifts(run.graph(), run.statistics(), options, plan);
  plan.notes.push_back(fmt::format("bias correction: {} layers, {}", shifts.size(),
                                   measured ? fmt::format("from {} samples", samples.size())
                                            : "from the means of their inputs"));
  return shifts;
}

}  // namespace

bool corrects_by_running(const QuantizeOptions& options) {
  return applies(options) && !in_closed_form(options);
}

void correct_biases(Run& run, Plan& plan) {
  if (!applies(run.options())) return;
  plan.biases.clear();  // shifts are those of the network without any
  if (auto shifts = found_shifts(run, run.samples(correction_samples(run.options())), plan))
    plan.biases = *std::move(shifts);
}

const Algorithm kBiasCorrection = {
    .name = "bias correction",
    .applies = applies,
    .request = request_means,
    .request_all =
        [](const Graph& graph, std::span<const Use>, const CalibrateOptions&, Request& request) {
          request.layers = layer_points(graph, all_layers(graph));
        },
    .samples = correction_samples,
    .apply = correct_biases,
    .judged = true,
};

}  // namespace eightbit::algorithms
