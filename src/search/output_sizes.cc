#include "search/output_sizes.h"

#include <algorithm>
#include <span>

namespace eightbit::search {
namespace {

bool is_known(const Value& value) {
  return value.rank_known &&
         std::ranges::none_of(value.shape, [](int64_t extent) { return extent < 0; });
}

}  // namespace

std::vector<int64_t> output_sizes(const backends::Network& network,
                                  const std::vector<NodeId>& layers, const Sample& sample) {
  std::vector<int64_t> sizes;
  std::vector<size_t> open;
  backends::LayerShapes asked;
  for (NodeId layer : layers) {
    const Value& output = network.graph().value(network.graph().node(layer).outputs.at(0));
    if (is_known(output)) {
      sizes.push_back(element_count(output.shape));
      continue;
    }
    open.push_back(sizes.size());
    asked.layers.push_back(layer);
    sizes.push_back(0);
  }
  if (open.empty()) return sizes;
  const auto shapes = network.compile(std::move(asked), {1, {}})
                          ->run_one(sample, [](int64_t, std::span<const float>) {});
  for (size_t i = 0; i < open.size(); ++i) {
    const auto shape = shapes.at(i).as<int64_t>();
    sizes[open[i]] = element_count({shape.begin(), shape.end()});
  }
  return sizes;
}

}  // namespace eightbit::search
