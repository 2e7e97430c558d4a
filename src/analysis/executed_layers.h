// What the runtime made of each layer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backends/network.h"

namespace eightbit {

class ExecutedLayers {
 public:
  explicit ExecutedLayers(std::vector<backends::LayerPrecision> layers);

  // The runtime's layer that holds the node, or null.
  const backends::LayerPrecision* find(const std::string& node) const;
  double milliseconds() const;

 private:
  std::vector<backends::LayerPrecision> layers_;
  std::map<std::string, size_t> by_node_;
};

}  // namespace eightbit
