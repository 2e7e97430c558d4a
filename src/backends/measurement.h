// What an engine is asked to measure. Each kind is a type of its own that holds what belongs to it
// and nothing else: what an engine does not know does not compile in it, or it refuses by name.
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <variant>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"
#include "records/bias_probe.h"
#include "records/tap.h"

namespace eightbit::backends {

class Network;

// Values of the network, reduced. A value in a branch that a sample did not take gives zeros.
struct Taps {
  std::vector<Tap> taps;
  // The network's own outputs are computed too, one run at a time, with all threads on it: for
  // Executor::run_one().
  bool outputs = false;
};

// How far the means of layers are from what they were, where a plan is carried out in a second copy
// of the network: each layer is put right by what was measured of it before others read it.
struct Probes {
  const Plan* plan = nullptr;
  std::vector<BiasProbe> probes;
  // A row a sample, in the order of the run: the float means of each probe in turn.
  std::vector<std::vector<float>> reference_means;
};

// How far one value is from another: sums over all elements of reference^2, (reference - other)^2,
// reference * other and other^2. A value in a branch that a sample did not take gives zeros.
struct Comparison {
  ValueId reference = kNone;  // in the network's graph
  // in the graph of the network that it is compared with; kNone: the same id
  ValueId other = kNone;
  // set: then also the mean of other - reference for each channel of it, and the number of elements
  int64_t axis = kNone;
  int64_t channels = 0;

  ValueId compared() const { return other == kNone ? reference : other; }
  int64_t record_size() const { return axis == kNone ? 4 : 4 + channels + 1; }
};

// Readers of `other` in the other network read `reference` instead. Not for values in branches.
struct Cut {
  ValueId reference = kNone;
  ValueId other = kNone;
};

// The network beside a copy of it in which a plan is carried out.
struct PlanComparison {
  const Plan* plan = nullptr;
  std::vector<Comparison> comparisons;
  // Where the plan quantizes an activation, the copy reads the network's own: each layer adds its
  // noise and inherits none.
  bool layers_alone = false;
};

// The network beside another one with the same inputs.
struct NetworkComparison {
  const Network* other = nullptr;
  std::vector<Comparison> comparisons;
  std::vector<Cut> cuts;
  // nodes of the other network, in order, that hand on their first input
  std::vector<NodeId> bypassed;
  // The other network's quantizers are computed as its runtime does it, not in floats. An engine
  // whose networks have one way to compute them, their own, has no use for it.
  bool integer_arithmetic = false;
};

// What layers do wrong by themselves: quantized - float of the first output of each, in f32, where
// the plan is carried out and quantizers of activations read the network's own values. One output
// a layer of Executor::run_one(); no records. Only for engines that can_inject().
struct LayerErrors {
  const Plan* plan = nullptr;
  std::vector<NodeId> layers;  // outside of bodies
};

// The shapes of the first outputs of these layers, of networks that leave them open: one output of
// i64 a layer of Executor::run_one(), which holds none of the values; no records. Only for engines
// that can_inject().
struct LayerShapes {
  std::vector<NodeId> layers;  // outside of bodies
};

// The network itself, with an error added to the first output of each of these layers. Its own
// outputs come from Executor::run_outputs(); no records. Only for engines that can_inject().
struct ErrorInjection {
  std::vector<NodeId> layers;  // outside of bodies
  // One a layer, in f32 and of the shape of its output; read when a sample is pulled, and may be
  // others for the next one.
  const std::vector<Tensor>* errors = nullptr;
};

// One record a sample comes back, with one part for each tap, probe or comparison, in order.
using Measurement = std::variant<Taps, Probes, PlanComparison, NetworkComparison, LayerErrors,
                                 LayerShapes, ErrorInjection>;

// The parts of one kind; empty where the measurement has another kind.
std::span<const Tap> taps_of(const Measurement& measurement);
std::span<const BiasProbe> probes_of(const Measurement& measurement);
std::span<const Comparison> comparisons_of(const Measurement& measurement);
// Whether samples go through Executor::run_one(), and thus one at a time.
bool one_at_a_time(const Measurement& measurement);
// Whether two networks that share values run side by side.
bool side_by_side(const Measurement& measurement);
// Whether quantizers are to be computed as the runtime does it.
bool in_integers(const Measurement& measurement);
// The sizes of all parts of a record, in order.
std::vector<int64_t> record_sizes(const Measurement& measurement);

struct RunSettings {
  int threads = 0;  // 0: all cores
  // what messages call the k-th sample that is run; unset: k
  std::function<int64_t(int64_t)> number_of;

  int64_t number(int64_t k) const { return number_of ? number_of(k) : k; }
  int thread_count() const;
};

// For std::visit: one lambda a kind.
template <typename... Cases>
struct Overloads : Cases... {
  using Cases::operator()...;
};

}  // namespace eightbit::backends
