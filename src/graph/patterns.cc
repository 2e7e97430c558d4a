#include "graph/patterns.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace eightbit {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::bitset<256> ops_with(uint32_t flag) {
  std::bitset<256> out;
  for (const OpRow& r : op_table())
    if (r.flags & flag) out.set(static_cast<size_t>(r.op));
  return out;
}

std::bitset<256> ops_named(std::string_view names) {
  std::bitset<256> out;
  for (std::string_view name : split(names, '|')) {
    if (name == "any")
      out.set();
    else if (name == "LINEAR")
      out |= ops_with(kLinear);
    else if (name == "ACT")
      out |= ops_with(kActivation);
    else if (name == "ARITH")
      out |= ops_with(kArithmetic);
    else if (name == "ELEMENTWISE")
      out |= ops_with(kElementwise);
    else
      out.set(static_cast<size_t>(op_from_name(name)));
  }
  return out;
}

// `word` without brackets, as element `index`.
PatternElement parse_element(std::string_view word, int index) {
  PatternElement element;
  if (word.ends_with('*')) {
    element.outside = true;
    word.remove_suffix(1);
  }
  if (word.starts_with('^')) {
    element.read_by = index - 1;
    word.remove_prefix(1);
  } else if (const size_t open = word.find('<'); open != std::string_view::npos) {
    EIGHTBIT_CHECK(word.ends_with('>'), "pattern element '{}' does not close", word);
    for (std::string_view number : split(word.substr(open + 1, word.size() - open - 2), ',')) {
      int back = 0;
      std::from_chars(number.data(), number.data() + number.size(), back);
      EIGHTBIT_CHECK(back >= 1 && back <= index, "pattern element '{}' reads {} back", word, back);
      element.reads.push_back(index - back);
    }
    word = word.substr(0, open);
  } else if (index > 0) {
    element.reads = {index - 1};
  }
  std::ranges::sort(element.reads);
  element.ops = ops_named(word);
  return element;
}

// Binds the elements of one pattern to nodes, one after the other.
class Matcher {
 public:
  Matcher(const InferenceGraph& graph, const Pattern& pattern, Strictness strictness,
          const Indexed<NodeId, bool>& taken)
      : graph_(graph), pattern_(pattern), closed_(strictness == Strictness::closed), taken_(taken) {
    out_edges_.resize(pattern.elements.size());
    for (size_t k = 0; k < pattern.elements.size(); ++k) {
      for (int from : pattern.elements[k].reads) ++out_edges_[static_cast<size_t>(from)];
      if (pattern.elements[k].read_by >= 0) ++out_edges_[k];
    }
  }

  bool starts_at(NodeId node) {
    bound_.clear();
    return fits(node) && bind_rest(node);
  }
  const std::vector<NodeId>& bound() const { return bound_; }

 private:
  bool bind_rest(NodeId node) {
    bound_.push_back(node);
    const size_t next = bound_.size();
    if (next == pattern_.elements.size()) return true;
    const PatternElement& element = pattern_.elements[next];
    const NodeId anchor =
        bound_[static_cast<size_t>(element.read_by >= 0 ? element.read_by : element.reads.back())];
    const auto& candidates =
        element.read_by >= 0 ? graph_.producers_of(anchor) : graph_.consumers_of(anchor);
    for (NodeId candidate : candidates)
      if (fits(candidate) && bind_rest(candidate)) return true;
    bound_.pop_back();
    return false;
  }

  // Whether `node` may become the next element, given those bound so far.
  bool fits(NodeId node) const {
    const size_t k = bound_.size();
    const PatternElement& element = pattern_.elements[k];
    if (!element.ops[static_cast<size_t>(graph_.op(node))]) return false;
    if (!element.outside && taken_[node]) return false;
    if (std::ranges::find(bound_, node) != bound_.end()) return false;
    return closed_ ? closed_fits(node, k) : open_fits(node, k);
  }

  bool closed_fits(NodeId node, size_t k) const {
    const auto& producers = graph_.producers_of(node);
    const auto& reads = pattern_.elements[k].reads;
    if (k + 1 < pattern_.elements.size() && graph_.consumers_of(node).size() != out_edges_[k])
      return false;
    if (k == 0) return true;
    if (producers.size() != reads.size()) return false;
    for (size_t i = 0; i < bound_.size(); ++i)
      if (std::ranges::count(producers, bound_[i]) !=
          std::ranges::count(reads, static_cast<int>(i)))
        return false;
    return true;
  }

  bool open_fits(NodeId node, size_t k) const {
    const PatternElement& element = pattern_.elements[k];
    for (size_t i = 0; i < bound_.size(); ++i) {
      const int index = static_cast<int>(i);
      if (edges(bound_[i], node) != std::ranges::count(element.reads, index)) return false;
      if (edges(node, bound_[i]) != (element.read_by == index ? 1 : 0)) return false;
    }
    return true;
  }

  std::ptrdiff_t edges(NodeId from, NodeId to) const {
    return to < from ? 0 : std::ranges::count(graph_.producers_of(to), from);
  }

  const InferenceGraph& graph_;
  const Pattern& pattern_;
  const bool closed_;
  const Indexed<NodeId, bool>& taken_;
  std::vector<size_t> out_edges_;
  std::vector<NodeId> bound_;
};

}  // namespace

size_t Pattern::size() const {
  return static_cast<size_t>(std::ranges::count(elements, false, &PatternElement::outside));
}

std::vector<Pattern> parse_pattern(std::string_view text) {
  const std::vector<std::string_view> words = split(text, ' ');
  const auto optional =
      std::ranges::count_if(words, [](std::string_view w) { return w.starts_with('['); });
  std::vector<Pattern> variants;
  for (unsigned chosen = 0; chosen < (1u << optional); ++chosen) {
    Pattern pattern;
    unsigned seen = 0;
    for (std::string_view word : words) {
      if (word.starts_with('[')) {
        word = word.substr(1, word.size() - 2);
        if (!(chosen >> seen++ & 1u)) continue;
      }
      if (!pattern.text.empty()) pattern.text += ' ';
      pattern.text += word;
      pattern.elements.push_back(parse_element(word, static_cast<int>(pattern.elements.size())));
    }
    variants.push_back(std::move(pattern));
  }
  return variants;
}

std::vector<Match> find_matches(const InferenceGraph& graph, std::span<const Pattern> patterns,
                                Strictness strictness) {
  std::vector<const Pattern*> order;
  for (const Pattern& pattern : patterns) order.push_back(&pattern);
  std::ranges::stable_sort(
      order, [](const Pattern* a, const Pattern* b) { return a->size() > b->size(); });

  Indexed<NodeId, bool> taken(graph.graph->nodes.size());
  std::vector<Match> matches;
  for (const Pattern* pattern : order) {
    Matcher matcher(graph, *pattern, strictness, taken);
    for (const Node& node : graph.graph->nodes) {
      // More than once where the first element stays outside.
      while (graph.is_alive(node.id) && matcher.starts_at(node.id)) {
        Match match{{}, pattern->text};
        for (size_t k = 0; k < pattern->elements.size(); ++k)
          if (!pattern->elements[k].outside) match.nodes.push_back(matcher.bound()[k]);
        for (NodeId n : match.nodes) taken[n] = true;
        matches.push_back(std::move(match));
      }
    }
  }
  return matches;
}

}  // namespace eightbit
