#include "pipeline/memory_need.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/freed_memory.h"
#include "base/log.h"

namespace eightbit {
namespace {

constexpr double kMega = 1e6;

// Bytes of a phase: what is there for any network, for each byte of weights, for each node, and
// for each of the samples that run at the same time, as factors of its activations.
struct Phase {
  double fixed, of_weights, of_node, of_sample;
};
constexpr Phase kCalibration{61 * kMega, 2.0, 0.065 * kMega, 1.0},
    kCorrection{70 * kMega, 2.3, 0.02 * kMega, 1.7}, kTrial{83 * kMega, 2.05, 0.61 * kMega, 0};
// One program at a time: without the second one of the calibration, and those that are compiled
// beside each other in the trial run.
constexpr Phase kOneProgram{66 * kMega, 1.3, 0.03 * kMega, 1.2},
    kOneTrial{93 * kMega, 2.1, 0.385 * kMega, 0};
// Of a sample: activations that live at a time, with the copies that are measured; and a share of
// all of them, for what the runtime does not use again.
constexpr double kOfLive = 2.0, kOfAll = 0.15;

// Outputs of a sample that a trial holds: of two models, copies of both as floats, and one in the
// runtime.
constexpr double kOfOutputs = 5;

constexpr double kSavedByInt8 = 0.75;  // of weights in f32
constexpr double kMomentShare = 8;     // of max_memory, a part of this size
constexpr int64_t kLeastMoments = int64_t{4} << 20;

// What phases take, as times of the compilation of the calibration and of one of its samples.
struct PhaseTime {
  double of_compiling, of_sample;
};
constexpr PhaseTime kRanges{1.0, 40}, kCorrectionTime{1.2, 24}, kTrialTime{2.8, 40};
constexpr double kDetailedTime = 1.2;  // a sample that runs where layers are measured besides

double sample_bytes(const NetworkSize& size) {
  return kOfLive * size.live + kOfAll * size.activations;
}

double bytes_of(const Phase& phase, const NetworkSize& size, int requests) {
  return phase.fixed + phase.of_weights * size.weights + phase.of_node * size.nodes +
         requests * phase.of_sample * sample_bytes(size);
}

double known_bytes(const Value& value) {
  double bytes = sizeof(float);
  for (int64_t extent : value.shape) bytes *= static_cast<double>(std::max<int64_t>(1, extent));
  return bytes;
}

std::string text_of(double bytes) { return fmt::format("{:.0f} MB", std::ceil(bytes / kMega)); }

double peak_of(Work work, const NetworkSize& size, int requests, bool limited,
               const QuantizeOptions& options) {
  return work == Work::calibration ? calibration_bytes(size, requests, limited)
                                   : quantization_bytes(size, requests, limited, options);
}

bool lives_in_python(const backends::Network& network) { return network.file_extension().empty(); }

int threads_of(const RunOptions& run) {
  return backends::RunSettings{run.threads, {}}.thread_count();
}

}  // namespace

NetworkSize size_of(const backends::Network& network) {
  const Graph& graph = network.graph();
  NetworkSize size;
  for (const auto& [type, bytes] : network.weight_bytes())
    size.weights += static_cast<double>(bytes) * (type == "f16" || type == "bf16" ? 2 : 1);
  // by node: bytes that begin to live there, less those that end in front of it
  std::vector<double> change(graph.nodes.size() + 1);
  for (const Value& value : graph.values) {
    if (value.is_constant() || value.producer == kNone) continue;
    NodeId last = value.producer;
    for (const Use& use : value.uses) last = std::max(last, use.node);
    const double bytes = known_bytes(value);
    change[static_cast<size_t>(value.producer)] += bytes;
    change[static_cast<size_t>(last) + 1] -= bytes;
    size.activations += bytes;
    for (const Use& use : value.uses)
      if (graph.node(use.node).op == Op::result) size.outputs += bytes;
  }
  double live = 0;
  for (double bytes : change) size.live = std::max(size.live, live += bytes);
  size.nodes = static_cast<double>(graph.nodes.size());
  return size;
}

double calibration_bytes(const NetworkSize& size, int requests, bool limited) {
  return bytes_of(limited ? kOneProgram : kCalibration, size, requests);
}

double quantization_bytes(const NetworkSize& size, int requests, bool limited,
                          const QuantizeOptions& options) {
  double peak = calibration_bytes(size, requests, limited);
  if (!options.advanced_parameters.disable_bias_correction)
    peak = std::max(peak, bytes_of(kCorrection, size, requests));
  if (options.trial_run)
    peak = std::max(
        peak, bytes_of(limited ? kOneTrial : kTrial, size, requests) + kOfOutputs * size.outputs);
  return peak;
}

double result_bytes(const backends::Network& network, const Plan& plan) {
  double bytes = 0;
  for (const auto& [type, size] : network.weight_bytes()) bytes += static_cast<double>(size);
  for (const Quantizer& q : plan.quantizers)
    if (q.weight && plan.compress_weights)
      bytes -= kSavedByInt8 * known_bytes(network.graph().value(q.value));
  return bytes;
}

int64_t moment_bytes(int64_t max_memory) {
  if (max_memory == 0) return 0;
  return std::max(kLeastMoments,
                  static_cast<int64_t>(static_cast<double>(max_memory) / kMomentShare));
}

QuantizeOptions without_trial(QuantizeOptions options) {
  options.trial_run = false;
  return options;
}

Expectation expectation(Work work, const backends::Network& network, const Plan& plan,
                        const QuantizeOptions& options, const RunOptions& run) {
  if (lives_in_python(network)) return {};
  const double peak = peak_of(work, size_of(network), threads_of(run), run.max_memory > 0, options);
  Expectation expected{static_cast<int64_t>(peak), 0};
  if (work == Work::quantization)
    expected.model_bytes = static_cast<int64_t>(result_bytes(network, plan));
  return expected;
}

RunOptions within_memory(std::string_view where, Work work, const backends::Network& network,
                         const Plan& plan, const QuantizeOptions& options, const RunOptions& run,
                         Expectation& expected) {
  RunOptions within = run;
  if (lives_in_python(network)) {
    if (run.max_memory > 0)
      fail<Unsupported>(where,
                        "max_memory is {}, and the memory of models that run in {} is not ours to "
                        "limit. Leave it out, or give the model as a file.",
                        text_of(static_cast<double>(run.max_memory)), network.backend());
    return within;
  }
  const NetworkSize size = size_of(network);
  within.threads = threads_of(run);
  const auto too_much = [&] {
    return run.max_memory > 0 &&
           peak_of(work, size, within.threads, true, options) > static_cast<double>(run.max_memory);
  };
  while (within.threads > 1 && too_much()) --within.threads;
  if (too_much())
    fail<InvalidArgument>(
        where,
        "max_memory is {}, and this takes {} above the loaded model at least. Give that much{}.",
        text_of(static_cast<double>(run.max_memory)),
        text_of(peak_of(work, size, 1, true, options)),
        work == Work::quantization && options.trial_run ? ", or turn trial_run off" : "");
  if (run.max_memory > 0) keep_no_large_blocks();
  if (within.threads == threads_of(run)) within.threads = run.threads;
  expected = expectation(work, network, plan, options, within);
  log(LogLevel::info, "expected: up to {} of memory above the loaded model{}{}",
      text_of(static_cast<double>(expected.peak_bytes)),
      expected.model_bytes > 0
          ? fmt::format(", a result of {}", text_of(static_cast<double>(expected.model_bytes)))
          : "",
      run.max_memory > 0
          ? fmt::format("; max_memory {}: {} at a time, programs one after the other",
                        text_of(static_cast<double>(run.max_memory)),
                        within.threads == 1 ? "one sample" : "as many samples as fit")
          : "");
  return within;
}

double seconds_left(Work work, const PassSpeed& speed, const QuantizeOptions& options) {
  const auto samples = static_cast<double>(speed.total - speed.measured) +
                       (kDetailedTime - 1) * static_cast<double>(speed.kept);
  double seconds = samples * speed.sample;
  const auto add = [&](const PhaseTime& phase) {
    seconds += phase.of_compiling * speed.compiling + phase.of_sample * speed.sample;
  };
  if (work == Work::calibration) return seconds;
  add(kRanges);
  if (!options.advanced_parameters.disable_bias_correction) add(kCorrectionTime);
  if (options.trial_run) add(kTrialTime);
  return seconds;
}

std::function<void(const PassSpeed&)> tell_time(Work work, const QuantizeOptions& options,
                                                Steps& steps) {
  return [work, options, &steps](const PassSpeed& speed) {
    const double left = seconds_left(work, speed, options);
    steps.report().expected.seconds = steps.seconds() + left;
    log(LogLevel::info, "expected: {:.2g} s in all, {:.2g} s a sample",
        steps.report().expected.seconds, speed.sample);
  };
}

}  // namespace eightbit
