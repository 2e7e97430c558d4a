#include "analysis/zeros.h"

namespace eightbit {

Sample zeros(const std::vector<PortInfo>& inputs) {
  Sample sample;
  for (const PortInfo& input : inputs) {
    Shape shape = input.shape;
    for (int64_t& d : shape) d = d < 0 ? 1 : d;
    sample.inputs.push_back({input.name, Tensor::allocate(input.dtype, std::move(shape))});
  }
  return sample;
}

}  // namespace eightbit
