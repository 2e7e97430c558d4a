#include "backends/openvino/normal_form/einsum.h"

#include <algorithm>
#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/einsum.hpp>
#include <openvino/op/if.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/transpose.hpp>

#include "backends/openvino/constants.h"
#include "backends/openvino/types.h"
#include "base/spill.h"
#include "graph/einsum.h"

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;
using Sizes = std::vector<int64_t>;

Output integers(const Sizes& values) {
  return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values);
}

// A size of 0 is that of the input.
Output reshaped(const Output& value, const Sizes& sizes, const std::string& name) {
  const auto made = std::make_shared<ov::op::v1::Reshape>(value, integers(sizes), true);
  made->set_friendly_name(name);
  return made;
}

bool is_stored(const Output& value) {
  const ov::Node* node = value.get_node();
  if (ov::is_type<ov::op::v0::Convert>(node)) node = node->get_input_node_ptr(0);
  return ov::is_type<ov::op::v0::Constant>(node);
}

std::optional<int64_t> rank_of(const Output& value) {
  const auto rank = value.get_partial_shape().rank();
  return rank.is_static() ? std::optional(rank.get_length()) : std::nullopt;
}

Sizes without_leading_ones(Sizes sizes) {
  sizes.erase(sizes.begin(), std::ranges::find_if(sizes, [](int64_t size) { return size != 1; }));
  return sizes;
}

class Einsum {
 public:
  Einsum(ov::Node& node, int weight_port, EinsumProduct product)
      : name_(node.get_friendly_name()),
        result_(node.output(0)),
        activation_(node.input_value(static_cast<size_t>(1 - weight_port))),
        weight_(node.input_value(static_cast<size_t>(weight_port))),
        product_(std::move(product)) {
    for (size_t place = static_cast<size_t>(product_.summed); place < product_.order.size();
         ++place)
      columns_.push_back(
          static_cast<int64_t>(weight_.get_shape()[static_cast<size_t>(product_.order[place])]));
  }

  void replace() {
    Output value = activation_;
    if (product_.joins()) value = reshaped(value, kept_and({-1}), name_ + "/joined");
    value = std::make_shared<ov::op::v0::MatMul>(value, matrix());
    value.get_node()->set_friendly_name(name_);
    Output replaced = result_;
    if (product_.takes_apart()) {
      if (const auto bias = bias_behind()) {
        value = with_bias(value, *bias);
        replaced = bias->output(0);
      }
      value = reshaped(value, kept_and(columns_), name_ + "/apart");
    }
    replaced.replace(value);
  }

 private:
  Sizes kept_and(const Sizes& others) const {
    Sizes sizes(static_cast<size_t>(product_.kept), 0);
    sizes.insert(sizes.end(), others.begin(), others.end());
    return sizes;
  }

  // In the type that it is stored in.
  Output matrix() const {
    const auto convert = ov::as_type_ptr<ov::op::v0::Convert>(weight_.get_node_shared_ptr());
    const Output stored = convert ? convert->input_value(0) : weight_;
    int64_t columns = 1;
    for (int64_t size : columns_) columns *= size;
    const auto moved =
        std::make_shared<ov::op::v1::Transpose>(stored, integers(product_.order))->output(0);
    const auto flat = as_constant(spilled(evaluate_constant(reshaped(moved, {-1, columns}, ""))));
    flat->set_friendly_name(stored.get_node()->get_friendly_name());
    return convert ? convert->clone_with_new_inputs({flat})->output(0) : flat->output(0);
  }

  // The Add that alone reads the result and adds a number to each of the columns.
  std::shared_ptr<ov::Node> bias_behind() const {
    const auto readers = result_.get_target_inputs();
    if (readers.size() != 1) return nullptr;
    const auto add = readers.begin()->get_node()->shared_from_this();
    if (!ov::is_type<ov::op::v1::Add>(add)) return nullptr;
    const Output numbers = add->input_value(1 - readers.begin()->get_index());
    if (!is_stored(numbers)) return nullptr;
    const Sizes sizes = to_shape(numbers.get_partial_shape());
    const bool adds_axes = sizes.size() > static_cast<size_t>(product_.kept) + columns_.size();
    return !adds_axes && without_leading_ones(sizes) == without_leading_ones(columns_) ? add
                                                                                       : nullptr;
  }

  Output with_bias(const Output& value, const ov::Node& add) const {
    const Output numbers = add.input_value(add.input_value(0) == result_ ? 1 : 0);
    const auto flat = as_constant(evaluate_constant(reshaped(numbers, {-1}, "")));
    flat->set_friendly_name(stored_constant(numbers)->get_friendly_name());
    const auto sum = std::make_shared<ov::op::v1::Add>(value, flat);
    sum->set_friendly_name(add.get_friendly_name());
    return sum;
  }

  std::string name_;
  Output result_, activation_, weight_;
  EinsumProduct product_;
  Sizes columns_;
};

std::optional<Einsum> product_in(ov::Node& node) {
  const auto* einsum = ov::as_type<const ov::op::v7::Einsum>(&node);
  if (!einsum || einsum->get_input_size() != 2) return std::nullopt;
  const int port = is_stored(einsum->input_value(0)) ? 0 : 1;
  const Output activation = einsum->input_value(static_cast<size_t>(1 - port));
  if (!is_stored(einsum->input_value(static_cast<size_t>(port))) || is_stored(activation))
    return std::nullopt;
  const auto product = einsum_product(einsum->get_equation(), port, rank_of(activation));
  return product ? std::optional<Einsum>(std::in_place, node, port, *product) : std::nullopt;
}

}  // namespace

void make_products_of_einsums(ov::Model& model) {
  for (const auto& node : model.get_ordered_ops()) {
    if (const auto owner = ov::as_type_ptr<ov::op::v8::If>(node))
      for (const auto& body : owner->get_functions()) make_products_of_einsums(*body);
    if (auto einsum = product_in(*node)) einsum->replace();
  }
}

}  // namespace eightbit::openvino
