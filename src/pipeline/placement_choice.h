// For which groups of quantizers integers do not pay, by a runtime's own times of the layers of two
// networks.
//
// Needs:   the groups, and what the runtime executed of the network in floats and of the one in
//          integers, in order.
// Does:    adds up the layers of each group. What no group owns (conversions, quantizers,
//          activations) counts half for the group in front of it and half for the one behind: with
//          a run of groups it stays or goes as a whole. The groups that leave are those with which
//          the sum of all times is least, where each border between floats and integers costs a
//          conversion and each group must gain more than chance: two states, one pass over the
//          groups in order (Viterbi).
// Nothing is measured here.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "backends/network.h"
#include "graph/graph.h"
#include "search/quantizer_groups.h"

namespace eightbit {

// Milliseconds of a group.
struct GroupTimes {
  double in_float = 0, in_integers = 0;

  double gain() const { return in_integers - in_float; }  // of leaving the integers
};

// By group, of one network. Nothing where no layer of the group is found under its name.
std::vector<std::optional<double>> times_of_groups(
    const Graph& graph, const std::vector<search::QuantizerGroup>& groups,
    const std::vector<backends::LayerPrecision>& executed);

// Between types, or layouts.
bool is_conversion(const backends::LayerPrecision& layer);

// What a border costs: the mean of the conversions between types that were executed; 0 without any.
double conversion_time(const std::vector<backends::LayerPrecision>& executed);

// Groups that leave, sorted. `chance`: the share of a group's time by which repeated measurements
// differ.
std::vector<int> unpaid_groups(std::span<const GroupTimes> times, double conversion, double chance);

// Those of `groups` whose gain is largest: half of them, at least one, sorted.
std::vector<int> better_half(std::span<const GroupTimes> times, const std::vector<int>& groups);

// Takes the factors of SmoothQuant away from layers that the plan leaves in floats.
void drop_smoothing_of_floats(Plan& plan);

}  // namespace eightbit
