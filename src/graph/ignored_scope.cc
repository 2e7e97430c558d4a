#include "graph/ignored_scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/log.h"
#include "base/nearest.h"

namespace eightbit {
namespace {

// The graph and all bodies below it, outermost first.
std::vector<const Graph*> with_bodies(const Graph& graph) {
  std::vector<const Graph*> all{&graph};
  for (size_t i = 0; i < all.size(); ++i)
    for (const Node& node : all[i]->nodes)
      for (const auto& body : node.bodies) all.push_back(body.get());
  return all;
}

std::string readers_of(const Graph& graph, const Value& value) {
  std::vector<std::string> names;
  for (const Use& use : value.uses) names.push_back(graph.node(use.node).name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::regex compile(const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    fail<InvalidArgument>("ignored_scope",
                          "pattern '{}' is not a regular expression: {}. Use ECMAScript syntax.",
                          pattern, error.what());
  }
}

bool matches_start(const std::string& name, const std::regex& pattern) {
  return std::regex_search(name, pattern, std::regex_constants::match_continuous);
}

class Resolver {
 public:
  Resolver(const Graph& graph, const IgnoredScope& scope)
      : graph_(graph), scope_(scope), graphs_(with_bodies(graph)) {
    out_.rule.resize(graph.nodes.size());
  }

  IgnoredNodes resolve() {
    for (const std::string& name : scope_.names) match_name(name);
    for (const std::string& pattern : scope_.patterns) match_pattern(pattern);
    for (const std::string& type : scope_.types) match_type(type);
    for (size_t i = 0; i < scope_.subgraphs.size(); ++i) match_subgraph(i);
    if (scope_.validate && !problems_.empty())
      fail<InvalidArgument>("ignored_scope",
                            "{} of the rules match{} nothing:\n  {}\nCorrect the rules, or set "
                            "validate=false to skip them.",
                            problems_.size(), problems_.size() == 1 ? "es" : "",
                            fmt::join(problems_, "\n  "));
    return std::move(out_);
  }

 private:
  void set(NodeId node, const char* kind) {
    std::string& slot = out_.rule[node];
    if (slot.empty()) slot = kind;
  }

  // Nodes for which `test` holds: marks those of this graph, counts those in bodies. Returns
  // whether there were any.
  template <typename Test>
  bool mark(const char* kind, const std::string& rule, Test test) {
    std::vector<std::string> names;
    size_t inside = 0;
    for (const Node& node : graph_.nodes) {
      if (!test(node)) continue;
      names.push_back(node.name);
      set(node.id, kind);
    }
    for (size_t i = 1; i < graphs_.size(); ++i)
      inside += std::ranges::count_if(graphs_[i]->nodes, test);
    if (!names.empty() || inside > 0) note(kind, rule, names, inside);
    return !names.empty() || inside > 0;
  }

  void note(const char* kind, const std::string& rule, const std::vector<std::string>& names,
            size_t inside) {
    constexpr size_t kShown = 5;
    const std::vector<std::string> shown(
        names.begin(), names.begin() + static_cast<long>(std::min(kShown, names.size())));
    out_.notes.push_back(fmt::format("ignored_scope {} '{}' matched {} node{}{}{}{}{}", kind, rule,
                                     names.size(), names.size() == 1 ? "" : "s",
                                     names.empty() ? "" : ": ", fmt::join(shown, ", "),
                                     names.size() > kShown ? ", ..." : "",
                                     inside > 0 ? fmt::format(" and {} in bodies", inside) : ""));
  }

  // True when a constant carries a name that passes `test`. It is not quantized for itself but for
  // those who read it, so that the rule does nothing, and a note says whom to name.
  template <typename Test>
  bool only_a_constant(const char* kind, const std::string& rule, Test test) {
    for (const Graph* graph : graphs_) {
      for (const Value& value : graph->values) {
        if (!value.is_constant() || !test(value.name)) continue;
        out_.notes.push_back(fmt::format(
            "ignored_scope {} '{}' has no effect: it is a constant, read by {}. Name {} instead.",
            kind, rule, readers_of(*graph, value), value.uses.size() == 1 ? "it" : "them"));
        log(LogLevel::warning, "{}", out_.notes.back());
        return true;
      }
    }
    return false;
  }

  std::vector<std::string> all_names() const {
    std::vector<std::string> names;
    for (const Graph* graph : graphs_)
      for (const Node& node : graph->nodes) names.push_back(node.name);
    return names;
  }

  // By index, not by search: callers may name thousands of nodes.
  void match_name(const std::string& name) {
    const NodeId here = graph_.find(name);
    const auto has_it = [&](const Graph* graph) { return graph->find(name) != kNone; };
    const auto inside = std::count_if(graphs_.begin() + 1, graphs_.end(), has_it);
    if (here != kNone || inside > 0) {
      if (here != kNone) set(here, "names");
      const std::vector<std::string> found(here == kNone ? 0 : 1, name);
      return note("names", name, found, static_cast<size_t>(inside));
    }
    if (!scope_.validate) return;
    if (only_a_constant("name", name, [&](const std::string& other) { return other == name; }))
      return;
    problems_.push_back(fmt::format("name '{}'.{}", name, suggestion(name, all_names())));
  }

  void match_pattern(const std::string& text) {
    const std::regex pattern = compile(text);
    const auto test = [&](const std::string& name) { return matches_start(name, pattern); };
    if (mark("patterns", text, [&](const Node& node) { return test(node.name); })) return;
    if (!scope_.validate || only_a_constant("pattern", text, test)) return;
    problems_.push_back(
        fmt::format("pattern '{}', which must match from the start of a name.", text));
  }

  void match_type(const std::string& type) {
    if (mark("types", type, [&](const Node& node) { return node.type == type; })) return;
    if (!scope_.validate) return;
    std::vector<std::string> types;
    for (const Graph* graph : graphs_)
      for (const Node& node : graph->nodes)
        if (std::ranges::find(types, node.type) == types.end()) types.push_back(node.type);
    problems_.push_back(fmt::format("type '{}'.{}", type, suggestion(type, types)));
  }

  void match_subgraph(size_t index) {
    const Subgraph& subgraph = scope_.subgraphs[index];
    const std::string title = fmt::format("{} -> {}", fmt::join(subgraph.inputs, ", "),
                                          fmt::join(subgraph.outputs, ", "));
    const Graph* home = home_of(subgraph);
    const Indexed<NodeId, bool> inside = home ? between(*home, subgraph) : Indexed<NodeId, bool>();
    const size_t count = static_cast<size_t>(std::ranges::count(inside, true));
    if (count == 0) {
      if (scope_.validate) problems_.push_back(subgraph_problem(title, subgraph));
    } else if (home == &graph_) {
      mark("subgraphs", title,
           [&](const Node& node) { return &graph_.nodes[node.id] == &node && inside[node.id]; });
    } else {
      note("subgraphs", title, {}, count);
    }
  }

  // The first graph that has all the ends.
  const Graph* home_of(const Subgraph& subgraph) const {
    const auto has_all = [](const Graph* graph, const std::vector<std::string>& names) {
      return std::ranges::all_of(
          names, [&](const std::string& name) { return graph->find(name) != kNone; });
    };
    for (const Graph* graph : graphs_)
      if (has_all(graph, subgraph.inputs) && has_all(graph, subgraph.outputs)) return graph;
    return nullptr;
  }

  // Reachable from the inputs and reaching the outputs; two sweeps.
  static Indexed<NodeId, bool> between(const Graph& graph, const Subgraph& subgraph) {
    Indexed<NodeId, bool> below(graph.nodes.size()), above(graph.nodes.size());
    for (const std::string& name : subgraph.inputs) below[graph.find(name)] = true;
    for (const std::string& name : subgraph.outputs) above[graph.find(name)] = true;
    const auto producer = [&](ValueId input) {
      return input == kNone ? kNone : graph.value(input).producer;
    };
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (ValueId input : graph.nodes[i].inputs)
        if (producer(input) != kNone && below[producer(input)]) below[i] = true;
    for (size_t i = graph.nodes.size(); i-- > 0;)
      for (ValueId input : graph.nodes[i].inputs)
        if (above[i] && producer(input) != kNone) above[producer(input)] = true;
    for (size_t i = 0; i < below.size(); ++i) below[i] = below[i] && above[i];
    return below;
  }

  std::string subgraph_problem(const std::string& title, const Subgraph& subgraph) const {
    const std::vector<std::string> names = all_names();
    std::string text = fmt::format("subgraph {}:", title);
    bool unknown = false;
    for (const auto* ends : {&subgraph.inputs, &subgraph.outputs}) {
      for (const std::string& name : *ends) {
        if (std::ranges::find(names, name) != names.end()) continue;
        text += fmt::format(" there is no node '{}'.{}", name, suggestion(name, names));
        unknown = true;
      }
    }
    return unknown ? text : text + " no path leads from its inputs to its outputs.";
  }

  const Graph& graph_;
  const IgnoredScope& scope_;
  std::vector<const Graph*> graphs_;
  IgnoredNodes out_;
  std::vector<std::string> problems_;
};

}  // namespace

IgnoredNodes resolve_ignored_scope(const Graph& graph, const IgnoredScope& scope) {
  return Resolver(graph, scope).resolve();
}

}  // namespace eightbit
