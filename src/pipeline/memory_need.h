// How much memory and time a run takes, before it begins, and what is done where memory is limited.
//
// Needs:   the graph, the plan, the options. Dimensions that are not known count once.
// Does:    adds up, for each phase of a run, what the runtime holds of the weights (its own copy in
//          the layout of its kernels beside what was loaded), of the nodes (kernels that are
//          generated for them) and of the activations that live at the same time, a set for each
//          sample that runs at the same time. The trial run adds the outputs of a sample, of the
//          float model and of the quantized one; those of others are on disk. The largest phase is
//          the peak. The time is added up once the first samples have shown how long one takes, and
//          how long compilation does.
// Source:  the factors are measured (OpenVINO 2026.4 and ONNX Runtime 1.31 on x86-64, networks of
//          10 to 90 MB of weights); docs/reliability.md tells how far they are off.
#pragma once

#include <eightbit/options.h>
#include <eightbit/run.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "backends/network.h"
#include "pipeline/measure.h"
#include "pipeline/steps.h"
#include "quant/plan.h"

namespace eightbit {

// Of a network, in bytes.
struct NetworkSize {
  double weights = 0;      // in f32
  double live = 0;         // activations that live at the same time, at most
  double activations = 0;  // all of them
  double nodes = 0;
  double outputs = 0;  // of the network
};
NetworkSize size_of(const backends::Network& network);

// The peak of a calibration, and of a whole quantization, above the loaded model. `requests`:
// samples that run at a time. `limited`: as under max_memory.
double calibration_bytes(const NetworkSize& size, int requests, bool limited);
double quantization_bytes(const NetworkSize& size, int requests, bool limited,
                          const QuantizeOptions& options);
// Weights of the result.
double result_bytes(const backends::Network& network, const Plan& plan);

// That moments of weight rounding may take at a time, under a limit of max_memory; 0: no limit.
int64_t moment_bytes(int64_t max_memory);

// Options of a run that judges models by other means than a trial run.
QuantizeOptions without_trial(QuantizeOptions options);

// What a run is about.
enum class Work { calibration, quantization };
// `run` with as many threads as max_memory leaves room for, after a line in the log of what is
// expected. Throws InvalidArgument, with the least that would do, where it is not enough for one.
// Models of frameworks that live in Python have no expectation, and no limit: Unsupported.
RunOptions within_memory(std::string_view where, Work work, const backends::Network& network,
                         const Plan& plan, const QuantizeOptions& options, const RunOptions& run,
                         Expectation& expected);
Expectation expectation(Work work, const backends::Network& network, const Plan& plan,
                        const QuantizeOptions& options, const RunOptions& run);

// Seconds from the moment that `speed` tells of on: the samples that are left, corrections on some
// of those that are kept, and the models that the trial run compiles and compares. A search for
// layers that are left in float is not in it.
double seconds_left(Work work, const PassSpeed& speed, const QuantizeOptions& options);

// Fills in expected.seconds of the report of `steps`, which must outlive it, and logs it.
std::function<void(const PassSpeed&)> tell_time(Work work, const QuantizeOptions& options,
                                                Steps& steps);

}  // namespace eightbit
