// Small fixed shapes of ops, found in a graph: what a runtime fuses into one kernel, and what must
// stay in float.
//
// A pattern is a row of text: elements in order, each an op name, a set (LINEAR, ACT, ARITH,
// ELEMENTWISE) or alternatives `a|b`. An element reads the element before it unless `<1,3>` says
// which earlier ones it reads (1 is the one before; twice the same number means two edges). `^a|b`
// is a producer of the element before it. `[a]` may be missing. `*` behind an element: it must be
// there but does not belong to the match.
//
// Matching is greedy: patterns with more elements first, then graph order; a node belongs to one
// match at most. The cost is linear in the graph: an element is only searched among the neighbours
// of one that is already bound.
#pragma once

#include <bitset>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/inference_graph.h"

namespace eightbit {

struct PatternElement {
  std::bitset<256> ops;
  std::vector<int> reads;  // indices of earlier elements, one entry an edge; sorted
  int read_by = -1;        // `^`: the earlier element that this one feeds
  bool outside = false;    // `*`
};

struct Pattern {
  std::string text;
  std::vector<PatternElement> elements;
  size_t size() const;  // elements that belong to the match
};

struct Match {
  std::vector<NodeId> nodes;  // those that belong to it, in the order of the pattern
  std::string pattern;
};

// All variants of a row. Throws InternalError when the row is malformed.
std::vector<Pattern> parse_pattern(std::string_view text);

enum class Strictness {
  closed,  // no edge between the match and the rest but into its first and out of its last node
  open     // only the edges among the matched nodes count
};
std::vector<Match> find_matches(const InferenceGraph& graph, std::span<const Pattern> patterns,
                                Strictness strictness);

// Chains that are quantized as one op. Some are fused on some devices only.
enum class FusedOn { every_device, cpu_and_gpu };
struct FusedRow {
  FusedOn devices;
  std::string_view text;
};
std::span<const FusedRow> fused_patterns();

// Shapes that stay in float, with the reason that is reported.
enum class IgnoredWhen { always, transformer, transformer_but_not_spr, recipe_nncf };
struct IgnoredRow {
  IgnoredWhen when;
  std::string_view reason;
  std::string_view text;
};
std::span<const IgnoredRow> ignored_patterns();

}  // namespace eightbit
