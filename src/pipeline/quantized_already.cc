#include "pipeline/quantized_already.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "graph/roles.h"

namespace eightbit {
namespace {

// Types of ops in integers that have no row in the op table: QLinearConv, MatMulInteger,
// DynamicQuantizeLinear, ...
bool is_in_integers(std::string_view type) {
  for (std::string_view begin :
       {"QLinear", "DynamicQuantize", "QGemm", "QAttention", "FakeQuantize"})
    if (type.starts_with(begin)) return true;
  return type.find("Integer") != type.npos && type != "Integer";
}

bool rounds(const Node& node) {
  return opens_quantizer(node.op) || (node.op == Op::unknown && is_in_integers(node.type));
}

}  // namespace

std::string quantized_already(const Graph& graph) {
  std::map<std::string, int> counts;
  for (const Node& node : graph.nodes) counts[node.type] += rounds(node);
  std::vector<std::string> found;
  for (const auto& [type, count] : counts)
    if (count > 0) found.push_back(fmt::format("{} {}", count, type));
  if (found.empty()) return "";
  return fmt::format(
      "the model is quantized already: it holds {}. They stay as they are, and what is still float "
      "is quantized around "
      "them, which gains little. Give the float model that it was made from",
      fmt::join(found, ", "));
}

}  // namespace eightbit
