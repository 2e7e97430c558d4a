// An Einsum of an activation and a weight as a product of matrices, which runtimes have in
// integers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace eightbit {

// The weight becomes a matrix [rows, columns]: its axes in `order`, the first `summed` of them
// joined to rows, the others to columns. The activation's last `summed` axes are joined likewise,
// and the product's last axis is taken apart into the columns' axes.
struct EinsumProduct {
  // Axes that the activation and the result begin with; 0 where nothing is joined or taken apart.
  int64_t kept = 0;
  int64_t summed = 0;
  std::vector<int64_t> order;  // axes of the weight

  int64_t columns() const { return static_cast<int64_t>(order.size()) - summed; }  // axes of them
  bool joins() const { return summed > 1; }
  bool takes_apart() const { return columns() > 1; }
};

// weight_port: 0 or 1. rank: of the activation, for an ellipsis. Nothing where the equation is not
// such a product: the activation must end in the axes that are summed over, and the result must be
// what is left of the activation, then what is left of the weight.
std::optional<EinsumProduct> einsum_product(std::string_view equation, int weight_port,
                                            std::optional<int64_t> rank);

}  // namespace eightbit
