// Resolves the user's ignored scope against a graph: which nodes stay in float, and by which rule.
#pragma once

#include <eightbit/options.h>

#include <string>
#include <vector>

#include "graph/graph.h"

namespace eightbit {

struct IgnoredNodes {
  // the rule that matched first ("names"), empty where none did
  Indexed<NodeId, std::string> rule;
  std::vector<std::string> notes;  // a line each rule: what it matched
};

// Patterns are matched from the start of a name. A subgraph means every node on a path from one of
// its inputs to one of its outputs. With `validate`, every rule must match something in the graph
// or in a body of one of its nodes; otherwise one InvalidArgument lists all that do not, with the
// nearest names. A rule that only matches a constant is refused with the names of the nodes that
// read it: those are what can be ignored. Throws InvalidArgument also for a pattern that is not a
// regular expression, whatever `validate`.
IgnoredNodes resolve_ignored_scope(const Graph& graph, const IgnoredScope& scope);

}  // namespace eightbit
