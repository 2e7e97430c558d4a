#include "backends/openvino/writer.h"

#include <algorithm>
#include <openvino/op/add.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>

#include "backends/openvino/constants.h"
#include "backends/openvino/quantizer_nodes.h"
#include "backends/openvino/types.h"
#include "base/error.h"
#include "graph/roles.h"

namespace eightbit::openvino {
namespace {

class Writer {
 public:
  Writer(Copy& copy, const Graph& graph) : copy_(copy), graph_(graph) {}

  void replace(const ConstantReplacement& replacement) {
    const Value& value = graph_.value(replacement.value);
    EIGHTBIT_CHECK(value.is_constant(), "'{}' is to be replaced but is not a constant", value.name);
    const auto& old = source_of(value);
    const auto constant = replacement_for(old, replacement.tensor);
    constant->set_friendly_name(value.name);
    for (auto& input : inputs_of(copy_, replacement.uses.empty() ? value.uses : replacement.uses))
      input.replace_source_output(constant);
    if (replacement.uses.empty()) copy_.values[value.id] = constant;
  }

  void scale(const ScaleInsertion& scale, const Plan& plan) {
    if (is_part_of_quantizer(scale, plan)) return;
    const Value& value = graph_.value(scale.value);
    const std::string name = use_name(scale.uses) + "/scale";
    insert_between(inputs_of(copy_, scale.uses),
                   [&](const ov::Output<ov::Node>& source) -> ov::Output<ov::Node> {
                     const auto shape = channel_shape(source.get_partial_shape(), {scale.axis},
                                                      scale.factor.size(), name);
                     const auto factor =
                         float_constant(source.get_element_type(), shape, scale.factor);
                     return named(std::make_shared<ov::op::v1::Multiply>(source, factor), name);
                   });
    EIGHTBIT_CHECK(!scale.uses.empty(), "the scale of '{}' has no uses", value.name);
  }

  void shift(const BiasShift& shift) {
    if (const auto bias = bias_behind(graph_, shift.node)) return shift_constant(*bias, shift);
    const auto value = static_cast<size_t>(graph_.node(shift.node).outputs[0]);
    const auto source = copy_.values[value];
    const auto readers = source.get_target_inputs();
    const auto& type = source.get_element_type();
    insert_between({readers.begin(), readers.end()}, [&](const ov::Output<ov::Node>& output) {
      const auto constant = float_constant(type, shift_shape(shift), shift.shift);
      const auto add = named(std::make_shared<ov::op::v1::Add>(output, constant),
                             graph_.node(shift.node).name + "/bias_correction");
      copy_.values[value] = add->output(0);
      return add->output(0);
    });
  }

  void quantize(const Quantizer& quantizer, const Plan& plan) {
    EIGHTBIT_CHECK(quantizer.has_range() && !quantizer.uses.empty(),
                   "the quantizer of '{}' has no {}", graph_.value(quantizer.value).name,
                   quantizer.has_range() ? "uses" : "range");
    const std::string name = quantizer_name(quantizer);
    const bool compressed = quantizer.weight && plan.compress_weights && can_compress(quantizer);
    const ScaleInsertion* scale = scale_at(plan, quantizer.uses.front());
    if (scale && !is_part_of_quantizer(*scale, plan)) scale = nullptr;
    insert_between(inputs_of(copy_, quantizer.uses), [&](const ov::Output<ov::Node>& source) {
      if (compressed) return compress(source, quantizer, name);
      return scale ? scale_and_quantize(source, *scale, quantizer, name)
                   : fake_quantize(source, quantizer, name);
    });
  }

 private:
  // In front of convolutions. In front of products a scale becomes part of the norm before it.
  bool is_part_of_quantizer(const ScaleInsertion& scale, const Plan& plan) const {
    const auto serves = [&](const Quantizer& q) {
      return !q.weight && !q.spec.fp8 && q.low.size() == 1 && q.uses == scale.uses;
    };
    return std::ranges::all_of(
               scale.uses,
               [&](const Use& use) { return is_convolution(graph_.node(use.node).op); }) &&
           std::ranges::any_of(plan.quantizers, serves);
  }

  template <typename T>
  static std::shared_ptr<ov::Node> named(std::shared_ptr<T> node, const std::string& name) {
    node->set_friendly_name(name);
    return node;
  }

  const ov::Output<ov::Node>& source_of(const Value& value) const { return copy_.values[value.id]; }

  // Keeps the element type that consumers see.
  static std::shared_ptr<ov::op::v0::Constant> replacement_for(const ov::Output<ov::Node>& old,
                                                               const Tensor& tensor) {
    const auto& type = old.get_element_type();
    EIGHTBIT_CHECK(old.get_partial_shape().compatible(to_ov_shape(tensor.shape)),
                   "a constant of shape {} is to be replaced by one of shape {}",
                   old.get_partial_shape().to_string(), to_string(tensor.shape));
    if (to_element(tensor.dtype) == type) return as_constant(tensor);
    return float_constant(type, to_ov_shape(tensor.shape), to_floats(tensor));
  }

  std::string use_name(const std::vector<Use>& uses) const {
    return uses.empty() ? std::string() : graph_.node(uses.front().node).name;
  }

  std::string quantizer_name(const Quantizer& quantizer) const {
    const Value& value = graph_.value(quantizer.value);
    const std::string_view kind = quantizer.spec.fp8 ? "fc" : "fq";
    const Use& first = quantizer.uses.front();
    if (quantizer.weight)
      return fmt::format("{}/{}_weights_{}", graph_.node(first.node).name, kind, first.port);
    if (value.producer != kNone && quantizer.uses == value.uses)
      return fmt::format("{}/{}_output_{}", graph_.node(value.producer).name, kind, value.port);
    return fmt::format("{}/{}_input_{}", graph_.node(first.node).name, kind, first.port);
  }

  // Without leading ones: [C,1,1] for axis 1 of rank 4.
  ov::Shape shift_shape(const BiasShift& shift) const {
    const auto& output = copy_.nodes[shift.node]->get_output_partial_shape(0);
    ov::Shape shape =
        channel_shape(output, {shift.axis}, shift.shift.size(), graph_.node(shift.node).name);
    const auto first = std::ranges::find_if(shape, [](size_t extent) { return extent != 1; });
    shape.erase(shape.begin(), first);
    return shape;
  }

  void shift_constant(Use bias, const BiasShift& shift) {
    auto input = copy_.nodes[bias.node]->input(static_cast<size_t>(bias.port));
    const auto source = input.get_source_output();
    const Tensor old = evaluate_constant(source);
    const auto sum = std::make_shared<ov::op::v1::Add>(
        float_constant(ov::element::f32, to_ov_shape(old.shape), to_floats(old)),
        float_constant(ov::element::f32, shift_shape(shift), shift.shift));
    const Tensor moved = evaluate_constant(sum);
    const auto constant =
        float_constant(source.get_element_type(), to_ov_shape(moved.shape), moved.as<float>());
    input.replace_source_output(named(constant, stored_constant(source)->get_friendly_name()));
  }

  Copy& copy_;
  const Graph& graph_;
};

}  // namespace

void apply_plan(Copy& copy, const Graph& graph, const Plan& plan) {
  Writer writer(copy, graph);
  for (const auto& constant : plan.constants) writer.replace(constant);
  for (const auto& scale : plan.scales) writer.scale(scale, plan);
  for (const auto& shift : plan.biases) writer.shift(shift);
  for (const auto& quantizer : plan.quantizers) writer.quantize(quantizer, plan);
  copy.model->validate_nodes_and_infer_types();
}

void name_new_nodes(const ov::Model& model) {
  const auto nodes = model.get_ordered_ops();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    ov::Node& node = **it;
    if (const auto* owner = dynamic_cast<const ov::op::util::MultiSubGraphOp*>(&node))
      for (const auto& body : owner->get_functions()) name_new_nodes(*body);
    if (node.get_friendly_name() != node.get_name() || node.get_output_size() == 0) continue;
    std::vector<std::string> readers;
    for (const auto& input : node.output(0).get_target_inputs())
      readers.push_back(
          fmt::format("{}/{}", input.get_node()->get_friendly_name(), input.get_index()));
    if (!readers.empty()) node.set_friendly_name(std::ranges::min(readers));
  }
}

}  // namespace eightbit::openvino
