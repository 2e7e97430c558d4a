#include "backends/openvino/binding.h"

#include "backends/openvino/types.h"

namespace eightbit::openvino {
namespace {

std::vector<backends::BoundInput> inputs_of(const ov::Model& model) {
  std::vector<backends::BoundInput> inputs;
  for (const auto& input : model.inputs()) {
    const std::string& friendly = input.get_node()->get_friendly_name();
    backends::BoundInput entry{
        port_info(input, friendly), input.get_partial_shape().rank().is_static(), {}};
    entry.names.insert(input.get_names().begin(), input.get_names().end());
    entry.names.insert(friendly);
    inputs.push_back(std::move(entry));
  }
  return inputs;
}

}  // namespace

Binding::Binding(const ov::Model& model) : binding_(inputs_of(model)) {}

BoundSample Binding::bind(const Sample& sample, int64_t index) const {
  BoundSample bound{{}, binding_.bind(sample, index)};
  for (const Tensor& tensor : bound.owners) bound.tensors.push_back(borrow(tensor));
  return bound;
}

}  // namespace eightbit::openvino
