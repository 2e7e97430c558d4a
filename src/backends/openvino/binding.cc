#include "backends/openvino/binding.h"

#include <eightbit/strings.h>

#include <algorithm>

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

// Without bytes: empty strings.
ov::Tensor strings(const Tensor& tensor) {
  const bool rows = tensor.dtype != DType::string;
  const Shape shape(tensor.shape.begin(), tensor.shape.end() - (rows ? 1 : 0));
  ov::Tensor made(ov::element::string, to_ov_shape(shape));
  if (rows) std::ranges::copy(to_strings(tensor), made.data<std::string>());
  return made;
}

}  // namespace

Binding::Binding(const ov::Model& model) : binding_(inputs_of(model)) {
  for (const auto& input : model.inputs())
    is_string_.push_back(input.get_element_type() == ov::element::string);
}

BoundSample Binding::bind(const Sample& sample, int64_t index) const {
  BoundSample bound{{}, binding_.bind(sample, index)};
  for (size_t i = 0; i < bound.owners.size(); ++i)
    bound.tensors.push_back(is_string_[i] ? strings(bound.owners[i]) : borrow(bound.owners[i]));
  return bound;
}

}  // namespace eightbit::openvino
