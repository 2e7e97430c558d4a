#include "graph/einsum.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace eightbit {
namespace {

constexpr std::string_view kEllipsis = "...";
constexpr char kAnyAxes = '.';  // one in the place of an ellipsis

struct Equation {
  std::array<std::string, 2> operands;
  std::string result;
};

// Labels of one operand; nothing for what is spelled otherwise, or names an axis twice.
std::optional<std::string> labels_of(std::string text) {
  if (const size_t at = text.find(kEllipsis); at != std::string::npos)
    text.replace(at, kEllipsis.size(), 1, kAnyAxes);
  const std::set<char> once(text.begin(), text.end());
  const bool known = std::ranges::all_of(
      text, [](unsigned char label) { return std::isalpha(label) || label == kAnyAxes; });
  if (!known || once.size() != text.size()) return std::nullopt;
  return text;
}

std::optional<Equation> parse(std::string_view spelled) {
  std::string text(spelled);
  std::erase(text, ' ');
  const size_t arrow = text.find("->"), comma = text.find(',');
  if (arrow == std::string::npos || comma == std::string::npos || comma > arrow)
    return std::nullopt;
  const auto first = labels_of(text.substr(0, comma));
  const auto second = labels_of(text.substr(comma + 1, arrow - comma - 1));
  const auto result = labels_of(text.substr(arrow + 2));
  if (!first || !second || !result) return std::nullopt;
  return Equation{{*first, *second}, *result};
}

std::string only_in(const std::string& labels, const std::string& other, bool in_other) {
  std::string out;
  std::ranges::copy_if(labels, std::back_inserter(out), [&](char label) {
    return (other.find(label) != std::string::npos) == in_other;
  });
  return out;
}

}  // namespace

std::optional<EinsumProduct> einsum_product(std::string_view equation, int weight_port,
                                            std::optional<int64_t> rank) {
  const auto parsed = parse(equation);
  if (!parsed) return std::nullopt;
  const std::string& weight = parsed->operands.at(static_cast<size_t>(weight_port));
  const std::string& activation = parsed->operands.at(static_cast<size_t>(1 - weight_port));
  const std::string kept = only_in(activation, weight, false);
  const std::string summed = only_in(activation, weight, true);
  const std::string columns = only_in(parsed->result, weight, true);
  if (kept.empty() || summed.empty() || columns.empty()) return std::nullopt;
  if (activation != kept + summed || parsed->result != kept + columns) return std::nullopt;
  if (weight.size() != summed.size() + columns.size()) return std::nullopt;
  if (weight.find(kAnyAxes) != std::string::npos) return std::nullopt;
  EinsumProduct product;
  product.summed = static_cast<int64_t>(summed.size());
  for (char label : summed + columns)
    product.order.push_back(static_cast<int64_t>(weight.find(label)));
  if (!product.joins() && !product.takes_apart()) return product;
  const bool any = kept.find(kAnyAxes) != std::string::npos;
  if (any && !rank) return std::nullopt;
  product.kept = any ? *rank - product.summed : static_cast<int64_t>(kept.size());
  return product;
}

}  // namespace eightbit
