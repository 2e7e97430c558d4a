// What the pipeline knows of an algorithm: a row of one list. Whoever measures for algorithms,
// carries them out or tells what they will do goes through the rows, and names none of them.
#pragma once

#include <eightbit/options.h>
#include <eightbit/statistics.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/effects.h"
#include "graph/graph.h"
#include "kernels/kernels.h"
#include "quant/plan.h"
#include "records/statistics_data.h"
#include "records/tap_request.h"

namespace eightbit::algorithms {

// What is to be measured of a network.
struct Request {
  explicit Request(const Graph& graph) : taps(graph) {}

  records::TapRequest taps;            // of every sample
  std::vector<records::Point> layers;  // means of channels, of each sample that is kept
};

// The run that algorithms are steps of.
class Run {
 public:
  virtual ~Run() = default;

  // The network with what earlier algorithms made of its constants, and what its runtime computes
  // in integers.
  virtual const Graph& graph() const = 0;
  virtual Kernels kernels() const = 0;
  virtual const records::StatisticsData& statistics() const = 0;
  virtual const QuantizeOptions& options() const = 0;

  // Numbers of the kept samples that an algorithm may run: at most `wanted`, evenly spread.
  virtual std::vector<int64_t> samples(int64_t wanted) const = 0;
  // Runs them through the float network, for taps that gather what they see. `step` names what is
  // done in reports of progress.
  virtual void gather(const std::vector<Tap>& taps, std::span<const int64_t> samples,
                      std::string_view step) = 0;
  // That moments of second order (records/second_moments.h) may take at a time; 0: no limit.
  virtual int64_t most_moment_bytes() const { return 0; }
  // Runs them through the planned network; see BiasCorrection::shifts for `checked`. Nothing where
  // the statistics lack the means of its layers. Throws ModelError where the runtime cannot.
  virtual std::optional<std::vector<BiasShift>> bias_shifts(const Plan& plan,
                                                            std::span<const int64_t> samples,
                                                            bool checked) = 0;
  // Puts the constants of this plan into the network: all that follows starts from it.
  virtual void change_network(Plan constants) = 0;
};

// Null where an algorithm has nothing to do there; `name`, `applies` and `apply` are never null.
struct Algorithm {
  std::string_view name;  // of its step, in reports: "smooth quant"
  bool (*applies)(const QuantizeOptions& options) = nullptr;
  // Moves quantizers, before anything is measured.
  void (*prepare)(const Graph& graph, const QuantizeOptions& options, Plan& plan) = nullptr;
  // Adds what apply() will read of the statistics.
  void (*request)(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                  Request& request) = nullptr;
  // Adds what apply() may read whatever the options and the plan of a later run. `inputs`: every
  // float activation that some device could quantize.
  void (*request_all)(const Graph& graph, std::span<const Use> inputs,
                      const CalibrateOptions& options, Request& request) = nullptr;
  // How many samples are kept for Run::samples().
  int64_t (*samples)(const QuantizeOptions& options) = nullptr;
  // Tells where its options have nothing to work on (config/effects.h).
  void (*facts)(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                RunFacts& facts) = nullptr;
  void (*apply)(Run& run, Plan& plan) = nullptr;
  // Its result is kept where a trial run finds the network no worse than without it.
  bool judged = false;
};

// In the order in which they are carried out (list.cc).
std::span<const Algorithm* const> list();

// Of all that apply.
void prepare(const Graph& graph, const QuantizeOptions& options, Plan& plan);
void request(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
             Request& request);
void tell_facts(const Graph& graph, const Plan& plan, const QuantizeOptions& options,
                RunFacts& facts);
int64_t samples_wanted(const QuantizeOptions& options);

// Of all there are: for statistics from which later runs choose.
void request_all(const Graph& graph, std::span<const Use> inputs, const CalibrateOptions& options,
                 Request& request);
int64_t most_samples();

}  // namespace eightbit::algorithms
