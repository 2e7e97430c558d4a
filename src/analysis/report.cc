// What a report measures: each layer alone and with all before it, its quantizers, its time. What
// follows from the numbers is in report/diagnosis.h.
#include <eightbit/eightbit.h>
#include <eightbit/report.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "analysis/compare_whole.h"
#include "analysis/diagnosis.h"
#include "analysis/executed_layers.h"
#include "analysis/float_check.h"
#include "analysis/input_quantizers.h"
#include "analysis/layer_pairs.h"
#include "analysis/layers_alone.h"
#include "base/error.h"
#include "graph/roles.h"
#include "pipeline/feed.h"
#include "pipeline/measure.h"
#include "pipeline/steps.h"
#include "pipeline/trial/trial_run.h"

namespace eightbit {
namespace {

using backends::Network;

constexpr int64_t kOutputSamples = 32;  // that outputs are looked at

struct Layer {
  NodeId reference = kNone, quantized = kNone;
};

class Reporter {
 public:
  Reporter(const Network& reference, const Network& quantized, const RunOptions& run)
      : a_(reference),
        b_(quantized),
        run_(run),
        steps_(run),
        carries_(carries_quantized(quantized.graph())) {}

  ModelReport make(const Dataset& dataset, int64_t subset_size) {
    out_.version = version();
    out_.backend = a_.backend();
    steps_("data", [&] { read(dataset, subset_size); });
    steps_("outputs", [&] { look_at_outputs(); });
    find_layers();
    steps_("accumulated", [&] { measure_accumulated(); });
    steps_("layers alone", [&] { measure_alone(); });
    steps_("quantizers", [&] { measure_quantizers(); });
    steps_("time", [&] { measure_time(); });
    out_.bytes_before = total(a_.weight_bytes());
    out_.bytes = total(b_.weight_bytes());
    diagnose(out_);
    steps_.report().samples = out_.samples;
    steps_.finish();
    return std::move(out_);
  }

 private:
  static int64_t total(const std::map<std::string, int64_t>& bytes) {
    return std::accumulate(bytes.begin(), bytes.end(), int64_t{0},
                           [](int64_t sum, const auto& entry) { return sum + entry.second; });
  }

  void read(const Dataset& dataset, int64_t subset_size) {
    Feed feed(dataset.open(), a_.inputs(), {subset_size, false, {}, {}, subset_size, false, true});
    while (feed.next()) progress("data", static_cast<int64_t>(feed.kept().size()), feed.total());
    samples_.add(feed.kept());
    out_.samples = static_cast<int64_t>(samples_.size());
    if (samples_.empty())
      fail<DataError>("report", "the dataset gave no samples. Check that it is not empty.");
  }

  void progress(std::string_view step, int64_t done, int64_t total) const {
    if (run_.progress) run_.progress({step, done, total});
  }

  // Hands out the first `count` samples, one after the other.
  std::function<std::optional<Sample>()> feed(int64_t count) const {
    auto numbers = samples_.numbers();
    numbers.resize(std::min(numbers.size(), static_cast<size_t>(count)));
    return each_of(samples_, std::move(numbers));
  }

  std::function<void()> counter(std::string_view step) const {
    return [this, step, done = int64_t{0}]() mutable { progress(step, ++done, out_.samples); };
  }

  void look_at_outputs() {
    const Outputs reference = a_.infer(feed(kOutputSamples));
    out_.float_check = check_float_model(a_.outputs(), reference);
    const Outputs quantized = b_.infer(feed(kOutputSamples));
    out_.agreement = agreement_of(reference, quantized);
    for (size_t s = 0; s < reference.size(); ++s) {
      as_they_are_.resize(reference[s].size());
      for (size_t i = 0; i < reference[s].size() && i < quantized[s].size(); ++i)
        if (is_float(reference[s][i].dtype)) as_they_are_[i].add(reference[s][i], quantized[s][i]);
    }
  }

  // Of the outputs, what users get. A runtime may compile the program that measures the layers
  // differently.
  void tell_outputs() {
    for (size_t i = 0; i < out_.outputs.size() && out_.outputs.size() == as_they_are_.size(); ++i) {
      LayerDifference& output = out_.outputs[i];
      output.measured_db = std::exchange(output.sqnr_db, as_they_are_[i].decibels());
      // in dB; the samples are not the same
      const double chance = out_.samples > kOutputSamples ? 3 : 1;
      if (std::fabs(output.sqnr_db - *output.measured_db) > chance)
        out_.notes.push_back(
            fmt::format("'{}' has {:.1f} dB as users get it, and {:.1f} dB where its layers are "
                        "measured: the runtime "
                        "compiles the two differently.",
                        output.name, output.sqnr_db, *output.measured_db));
    }
  }

  // Nodes with weights, and what else reads something quantized.
  void find_layers() {
    const Graph &reference = a_.graph(), &quantized = b_.graph();
    for (const Node& node : reference.nodes) {
      note_bodies(node);
      const NodeId twin = twin_of(node, quantized);
      const bool is_quantized =
          twin != kNone && reads_quantized(quantized, carries_, quantized.node(twin));
      if (node.outputs.empty() || node.op == Op::result) continue;
      if (!is_quantized && weight_port(reference, node.id) == kNone) continue;
      if (!is_float(reference.value(node.outputs[0]).dtype)) continue;
      layers_.push_back({node.id, twin});
      out_.layers.push_back(describe(node, twin, is_quantized));
    }
  }

  // Layers that no quantizer reaches, so that they are not passed over in silence.
  void note_bodies(const Node& node) {
    const auto inside = [&](const Node& other) { return other.owner == node.id; };
    const bool closed = node.op == Op::if_ && std::ranges::none_of(a_.graph().nodes, inside);
    if (closed || !node.bodies.empty())
      out_.notes.push_back(fmt::format(
          "'{}' is not looked into: the layers inside of it stay in floating point.", node.name));
  }

  LayerReport describe(const Node& node, NodeId twin, bool is_quantized) const {
    LayerReport layer;
    layer.name = node.name;
    layer.type = node.type;
    layer.position = static_cast<int64_t>(layers_.size()) - 1;
    layer.quantized = is_quantized;
    const int32_t port = weight_port(a_.graph(), node.id);
    if (port != kNone) layer.weight_bytes_before = bytes_of(a_.graph(), node, port);
    if (twin == kNone)
      layer.note = "the quantized model has no layer of this name";
    else if (!is_quantized)
      layer.note = "in floating point";
    else if (node.outputs.size() > 1)
      layer.note = "has several outputs: its noise is not measured";
    if (node.owner != kNone)
      layer.note += fmt::format("{}in a branch or body of '{}': measured with the whole model only",
                                layer.note.empty() ? "" : "; ", a_.graph().node(node.owner).name);
    return layer;
  }

  static int64_t bytes_of(const Graph& graph, const Node& node, int32_t port) {
    const Value& value = graph.value(graph.input({node.id, port}));
    return element_count(value.shape) * static_cast<int64_t>(bits_of(value.dtype)) / 8;
  }

  void measure_accumulated() {
    const CompareResult result =
        compare_whole(a_, b_, run_.threads, feed(out_.samples), counter("accumulated"));
    out_.outputs = result.outputs;
    tell_outputs();
    std::map<std::string, double> by_name;
    for (const LayerDifference& layer : result.layers) by_name.emplace(layer.name, layer.sqnr_db);
    for (LayerReport& layer : out_.layers)
      if (const auto found = by_name.find(layer.name); found != by_name.end())
        layer.accumulated_db = found->second;
      else if (layer.note.empty())
        layer.note = "gave nothing but zeros on these samples, or cannot be compared";
  }

  // Layers that can be measured alone, by their place.
  std::vector<size_t> alone() const {
    std::vector<size_t> places;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const bool branch = a_.graph().node(layers_[i].reference).owner != kNone;
      if (out_.layers[i].quantized && !branch && out_.layers[i].accumulated_db) places.push_back(i);
    }
    return places;
  }

  void measure_alone() {
    const std::vector<size_t> places = alone();
    if (places.empty()) return;
    std::vector<NodeId> nodes;
    for (size_t i : places) nodes.push_back(layers_[i].reference);
    const auto noise = [&](Quantized what, std::string_view step) {
      return noise_alone(a_, b_, carries_, nodes, what, run_.threads, feed(out_.samples),
                         counter(step));
    };
    const auto both = noise(Quantized::weights_and_activations, "layers alone");
    const auto weights = noise(Quantized::weights, "weights alone");
    for (size_t k = 0; k < places.size(); ++k) {
      LayerReport& layer = out_.layers[places[k]];
      layer.alone_db = both[k].sqnr_db();
      layer.weights_alone_db = weights[k].sqnr_db();
      layer.bias_shift = both[k].constant_share();
    }
  }

  void measure_quantizers() {
    std::vector<NodeId> nodes;
    for (size_t i = 0; i < layers_.size(); ++i)
      if (out_.layers[i].quantized) nodes.push_back(layers_[i].quantized);
    auto inputs = measure_input_quantizers(b_, nodes, run_.threads, feed(out_.samples),
                                           counter("quantizers"));
    for (size_t i = 0; i < layers_.size(); ++i)
      if (const auto found = inputs.find(layers_[i].quantized); found != inputs.end())
        out_.layers[i].inputs = std::move(found->second);
  }

  void measure_time() {
    const Sample sample = *feed(1)();
    const ExecutedLayers before(a_.executed_precisions(sample)),
        after(b_.executed_precisions(sample));
    out_.milliseconds_before = before.milliseconds();
    out_.milliseconds = after.milliseconds();
    for (LayerReport& layer : out_.layers) {
      if (const auto* executed = before.find(layer.name)) {
        layer.precision_before = executed->precision;
        layer.milliseconds_before = executed->milliseconds;
      }
      if (const auto* executed = after.find(layer.name)) {
        layer.precision = executed->precision;
        layer.milliseconds = executed->milliseconds;
        if (executed->name != layer.name) layer.executed_in = executed->name;
      }
    }
  }

  const Network &a_, &b_;
  const RunOptions& run_;
  Steps steps_;
  Indexed<ValueId, bool> carries_;
  records::KeptSamples samples_;
  std::vector<search::OutputNoise> as_they_are_;  // of each output
  std::vector<Layer> layers_;
  ModelReport out_;
};

}  // namespace

ModelReport report(const Model& reference, const Model& quantized, const Dataset& dataset,
                   int64_t subset_size, const RunOptions& run) {
  if (subset_size < 1)
    fail<InvalidArgument>("report", "subset_size is {}. It must be at least 1.", subset_size);
  check_inputs(reference.impl(), quantized.impl());
  return Reporter(reference.impl(), quantized.impl(), run).make(dataset, subset_size);
}

}  // namespace eightbit
