#include "analysis/executed_layers.h"

namespace eightbit {

ExecutedLayers::ExecutedLayers(std::vector<backends::LayerPrecision> layers)
    : layers_(std::move(layers)) {
  for (size_t i = 0; i < layers_.size(); ++i) by_node_.emplace(layers_[i].name, i);
  for (size_t i = 0; i < layers_.size(); ++i)
    for (const std::string& node : layers_[i].nodes) by_node_.emplace(node, i);
}

const backends::LayerPrecision* ExecutedLayers::find(const std::string& node) const {
  const auto found = by_node_.find(node);
  return found == by_node_.end() ? nullptr : &layers_[found->second];
}

double ExecutedLayers::milliseconds() const {
  double sum = 0;
  for (const backends::LayerPrecision& layer : layers_) sum += layer.milliseconds;
  return sum;
}

}  // namespace eightbit
