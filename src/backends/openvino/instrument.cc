#include "backends/openvino/instrument.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <openvino/op/add.hpp>
#include <openvino/op/assign.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/divide.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/greater.hpp>
#include <openvino/op/maximum.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/read_value.hpp>
#include <openvino/op/reduce_mean.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/shape_of.hpp>
#include <openvino/op/slice.hpp>
#include <openvino/op/subtract.hpp>
#include <openvino/op/transpose.hpp>
#include <openvino/op/util/variable.hpp>

#include "backends/binding.h"
#include "backends/openvino/branches.h"
#include "backends/openvino/compiler/patterns.h"
#include "backends/openvino/copy.h"
#include "backends/openvino/measure_op.h"
#include "backends/openvino/model.h"
#include "backends/openvino/reader.h"
#include "backends/openvino/types.h"
#include "base/error.h"
#include "graph/roles.h"
#include "quant/rounded_weights.h"

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;

Output as_type(const Output& value, ov::element::Type type) {
  if (value.get_element_type() == type) return value;
  return std::make_shared<ov::op::v0::Convert>(value, type);
}
Output as_f32(const Output& value) { return as_type(value, ov::element::f32); }

// Values that the CPU plugin keeps channels-last in memory: what convolutions make, and what
// elementwise ops and pools make of it.
Indexed<ValueId, bool> channels_last(const Graph& graph) {
  Indexed<ValueId, bool> last(graph.values.size());
  for (const Node& node : graph.nodes) {
    const bool keeps = has(node.op, kElementwise | kActivation | kArithmetic) ||
                       node.op == Op::concat || node.op == Op::max_pool ||
                       node.op == Op::avg_pool || node.op == Op::interpolate;
    bool any = is_convolution(node.op);
    for (ValueId input : node.inputs)
      any |= keeps && input != kNone && last[input] && graph.value(input).shape.size() > 3;
    if (!any) continue;
    for (ValueId output : node.outputs) last[output] = graph.value(output).shape.size() > 3;
  }
  return last;
}

// A transposition to channels-last costs nothing where the tensor lies in memory that way, and
// saves the plugin from reordering it for us. `axis` of the value moves along.
Output channels_to_back(const Output& value, int64_t& axis) {
  const auto rank = static_cast<int64_t>(value.get_partial_shape().size());
  std::vector<int64_t> order(static_cast<size_t>(rank));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  if (axis == 1)
    axis = rank - 1;
  else if (axis > 1)
    --axis;
  return std::make_shared<ov::op::v1::Transpose>(
      value, ov::op::v0::Constant::create(ov::element::i64, {order.size()}, order));
}

// The shape of the input that tells the batch; empty where a sample is never more than one item.
std::vector<Output> batch_source(const ov::Model& model) {
  if (model.get_parameters().empty()) return {};
  const auto& first = model.get_parameters().front();
  const auto& shape = first->get_partial_shape();
  std::vector<Shape> shapes;
  for (const auto& parameter : model.get_parameters())
    shapes.push_back(to_shape(parameter->get_partial_shape()));
  if (!backends::leads_with_batch(shapes)) return {};
  if (shape[0].is_static() && shape[0].get_length() == 1) return {};
  return {std::make_shared<ov::op::v3::ShapeOf>(first, ov::element::i64)};
}

Output mean_over_all_but(const Output& value, int64_t axis) {
  const auto rank = static_cast<int64_t>(value.get_partial_shape().size());
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis) axes.push_back(i);
  return std::make_shared<ov::op::v1::ReduceMean>(
      value, ov::op::v0::Constant::create(ov::element::i64, {axes.size()}, axes), true);
}

// As in records/bias_probe.h, as part of the network.
Output mean_shift(const Output& reference, const Output& value, const BiasProbe& probe) {
  if (probe.relu == kNone)
    return std::make_shared<ov::op::v1::Subtract>(reference, mean_over_all_but(value, probe.axis));
  const ov::element::Type type = value.get_element_type();
  const auto number = [&](float x) { return ov::op::v0::Constant::create(type, {}, {x}); };
  const Output shift = std::make_shared<ov::op::v1::Subtract>(
      reference, mean_over_all_but(std::make_shared<ov::op::v0::Relu>(value), probe.axis));
  const Output active = mean_over_all_but(
      as_type(std::make_shared<ov::op::v1::Greater>(value, number(0)), type), probe.axis);
  return std::make_shared<ov::op::v1::Divide>(
      shift, std::make_shared<ov::op::v1::Maximum>(active, number(kLeastActive)));
}

// Makes `copy` read the inputs of `master`, and keeps its states apart from the master's.
void share_inputs(const Copy& copy, const ov::Model& master) {
  const auto& own = copy.model->get_parameters();
  const auto& shared = master.get_parameters();
  EIGHTBIT_CHECK(own.size() == shared.size(), "{} inputs joined with {}", own.size(),
                 shared.size());
  std::map<std::string, std::shared_ptr<ov::op::util::Variable>> renamed;
  for (const auto& variable : copy.model->get_variables()) {
    auto info = variable->get_info();
    const std::string id = info.variable_id;
    info.variable_id += "/planned";
    renamed[id] = std::make_shared<ov::op::util::Variable>(info);
  }
  for (const auto& op : copy.model->get_ordered_ops())
    if (auto* stateful = dynamic_cast<ov::op::util::VariableExtension*>(op.get()))
      stateful->set_variable(renamed.at(stateful->get_variable_id()));
  for (size_t i = 0; i < own.size(); ++i) own[i]->output(0).replace(shared[i]->output(0));
}

// What is computed from constants when a model is compiled gets an address that is free again once
// weights are packed, and streams share packed weights by address: one layer would run with
// another's. So stored integers become floats here, where they do not reach integer kernels anyway.
void fold_dequantization(const Copy& copy, const Reading& reading) {
  for (const Value& value : reading.graph.values) {
    if (!value.is_constant() || !value.constant->quantized) continue;
    const auto floats = as_constant(value.constant->load());
    for (ov::Input<ov::Node> reader : copy.values[value.id].get_target_inputs())
      reader.replace_source_output(floats);
  }
}

bool is_constant(const Output& value) {
  return ov::is_type<ov::op::v0::Constant>(value.get_node());
}

bool is_scale_or_shift(const ov::Node& node) {
  const std::string_view type = node.get_type_info().name;
  if (type == "BatchNormInference") return true;
  return (type == "Add" || type == "Multiply" || type == "Subtract" || type == "Divide") &&
         (is_constant(node.input_value(0)) || is_constant(node.input_value(1)));
}

bool is_layer(const ov::Node& node) {
  const std::string_view type = node.get_type_info().name;
  return type == "MatMul" || type.find("Convolution") != std::string_view::npos;
}

const ov::Node& varying_input(const ov::Node& node) {
  return *node.input_value(node.get_input_size() > 1 && is_constant(node.input_value(0)) ? 1 : 0)
              .get_node();
}

// Without low precision transformations OpenVINO 2026.4 folds a scale and a shift by channel into
// the FakeQuantize behind them where they are not part of a layer, as those behind a free
// dimension's layout or behind a probe, and comes to wrong values (docs/runtime_faults.md).
bool is_folded_wrongly(const ov::Node& quantizer) {
  if (quantizer.get_input_partial_shape(0).rank().is_dynamic()) return false;
  const ov::Node* node = quantizer.get_input_node_ptr(0);
  while (node->get_input_size() == 1 && node->get_output_size() == 1 &&
         !ov::is_type<ov::op::v0::Parameter>(node))
    node = node->get_input_node_ptr(0);  // activations
  if (!is_scale_or_shift(*node)) return false;
  while (is_scale_or_shift(*node)) node = &varying_input(*node);
  return !is_layer(*node);
}

// The first element. A second reader of a value that costs next to nothing.
Output corner_of(const Output& value) {
  const size_t rank = value.get_partial_shape().size();
  const auto all = [&](int64_t x) {
    return ov::op::v0::Constant::create(ov::element::i64, {rank}, std::vector<int64_t>(rank, x));
  };
  return std::make_shared<ov::op::v8::Slice>(value, all(0), all(1), all(1));
}

// The models' own outputs are not computed; left in place, the plugin would stumble over them.
void drop_results(const ov::Model& model) {
  for (const auto& result : model.get_results()) {
    const auto input = result->input(0);
    input.get_source_output().remove_target_input(input);
  }
}

// What the node yields without rounding and clipping. A quantizer's range may begin elsewhere
// behind than in front, and be wider: scales and zero points of what reads it.
Output without_rounding(const ov::Node& node) {
  const Output source = node.input_value(0);
  if (!ov::is_type<ov::op::v0::FakeQuantize>(&node)) return source;
  const Output low = node.input_value(1), high = node.input_value(2), to = node.input_value(3),
               end = node.input_value(4);
  const auto same = [](const Output& a, const Output& b) {
    return a == b || (number_of(a) && number_of(a) == number_of(b));
  };
  if (same(low, to) && same(high, end)) return source;
  const auto width = [](const Output& from, const Output& until) -> Output {
    return std::make_shared<ov::op::v1::Subtract>(until, from);
  };
  const Output scale = std::make_shared<ov::op::v1::Divide>(width(to, end), width(low, high));
  const Output scaled = std::make_shared<ov::op::v1::Multiply>(width(low, source), scale);
  return std::make_shared<ov::op::v1::Add>(scaled, to);
}

class Instrumenter {
 public:
  explicit Instrumenter(const OpenVinoModel& model)
      : model_(model), reading_(model.reading()), reference_(model.copy()) {}

  void add(const backends::Taps& taps) {
    keeps_states_ = !taps.taps.empty() || taps.outputs;
    if (taps.outputs) want_own_outputs();
    fold_dequantization(reference_, reading_);
    const auto batch = batch_source(*reference_.model);
    const auto last = channels_last(reading_.graph);
    for (Tap tap : taps.taps) {
      const auto id = static_cast<size_t>(tap.value);
      out_.histograms.push_back(tap.histogram_count() > 0 ? std::make_shared<HistogramSink>()
                                                          : nullptr);
      Output value = as_f32(reference_.values[id]);
      if (last[id]) value = channels_to_back(value, tap.axis);
      ov::OutputVector inputs{value};
      const NodeId node = reading_.graph.value(static_cast<ValueId>(id)).producer;
      // the model's inputs are out of reach
      const bool branch = reading_.graph.node(node).owner != kNone;
      if (!branch) inputs.insert(inputs.end(), batch.begin(), batch.end());
      const auto record =
          std::make_shared<ReduceOp>(inputs, tap, out_.histograms.back(), next_id_++);
      add_result(out_of_branches(record, node, reference_, reading_));
    }
  }

  void add(const backends::Probes& probes) {
    add_planned(*probes.plan);
    for (const BiasProbe& probe : probes.probes) add_probe(probe);
    keep_from_folding();
  }

  void add(const backends::PlanComparison& compared) {
    add_planned(*compared.plan);
    if (compared.layers_alone) cut_quantized_values(*compared.plan);
    keep_from_folding();
    add_comparisons(compared.comparisons, reading_);
  }

  void add(const backends::LayerErrors& errors) {
    keeps_states_ = true;
    add_planned(*errors.plan);
    cut_quantized_values(*errors.plan);
    keep_from_folding();
    for (NodeId layer : errors.layers) {
      const ValueId value = reading_.graph.node(layer).outputs.at(0);
      outputs_.push_back(std::make_shared<ov::op::v1::Subtract>(as_f32(planned_.values[value]),
                                                                as_f32(reference_.values[value])));
    }
  }

  void add(const backends::LayerShapes& shapes) {
    keeps_states_ = true;
    for (NodeId layer : shapes.layers)
      outputs_.push_back(std::make_shared<ov::op::v3::ShapeOf>(
          reference_.values[reading_.graph.node(layer).outputs.at(0)], ov::element::i64));
  }

  void add(const backends::ErrorInjection& injection) {
    keeps_states_ = true;
    for (NodeId layer : injection.layers) {
      const Output value = reference_.values[reading_.graph.node(layer).outputs.at(0)];
      const auto readers = value.get_target_inputs();
      inputs_.push_back(
          std::make_shared<ov::op::v0::Parameter>(ov::element::f32, value.get_partial_shape()));
      const Output sum = std::make_shared<ov::op::v1::Add>(
          value, as_type(inputs_.back(), value.get_element_type()));
      for (ov::Input<ov::Node> reader : readers) reader.replace_source_output(sum);
    }
    want_own_outputs();
  }

  void add(const backends::NetworkComparison& compared) {
    const auto* found = dynamic_cast<const OpenVinoModel*>(compared.other);
    if (!found)
      fail<Unsupported>("compare",
                        "an OpenVINO model cannot be compared with one of the backend '{}'. Read "
                        "both in one way",
                        compared.other->backend());
    const OpenVinoModel& other = *found;
    planned_ = other.copy();
    if (!compared.integer_arithmetic) fold_dequantization(planned_, other.reading());
    share_inputs(planned_, *reference_.model);
    rewire(compared);
    if (!compared.integer_arithmetic) keep_from_folding();
    add_comparisons(compared.comparisons, other.reading());
  }

  Instrumented finish() {
    ov::SinkVector sinks;
    ov::op::util::VariableVector variables;
    if (keeps_states_) {
      sinks = reference_.model->get_sinks();
      variables = reference_.model->get_variables();
    }
    if (planned_.model) {
      const auto more = planned_.model->get_sinks();
      sinks.insert(sinks.end(), more.begin(), more.end());
      for (const auto& sink : more)
        if (auto* stateful = dynamic_cast<ov::op::util::VariableExtension*>(sink.get()))
          variables.push_back(stateful->get_variable());
    }
    drop_results(*reference_.model);
    if (planned_.model) drop_results(*planned_.model);
    auto parameters = reference_.model->get_parameters();
    parameters.insert(parameters.end(), inputs_.begin(), inputs_.end());
    out_.results = results_.size();
    for (const Output& output : outputs_) add_result(output);
    out_.outputs = outputs_.size();
    results_.insert(results_.end(), unread_.begin(), unread_.end());
    out_.model = std::make_shared<ov::Model>(results_, sinks, parameters, variables);
    return std::move(out_);
  }

 private:
  void want_own_outputs() {
    for (const auto& result : reference_.model->get_results())
      outputs_.push_back(result->input_value(0));
  }

  void add_planned(const Plan& plan) {
    const Plan rounded = with_rounded_weights(reading_.graph, plan);
    planned_ = model_.copy(&rounded);
    share_inputs(planned_, *reference_.model);
  }

  // A value with a second reader is not folded.
  void keep_from_folding() {
    for (const auto& op : planned_.model->get_ordered_ops())
      if (ov::is_type<ov::op::v0::FakeQuantize>(op) && is_folded_wrongly(*op))
        unread_.push_back(std::make_shared<ov::op::v0::Result>(corner_of(op->input_value(0))));
  }

  // Readers of quantized values, the quantizers among them, read the float model's.
  void cut_quantized_values(const Plan& plan) {
    for (const Quantizer& q : plan.quantizers) {
      const auto id = static_cast<size_t>(q.value);
      if (q.weight) continue;
      for (ov::Input<ov::Node> reader : planned_.values[id].get_target_inputs())
        reader.replace_source_output(reference_.values[id]);
    }
  }

  void add_probe(const BiasProbe& probe) {
    const ValueId id = reading_.graph.node(probe.node).outputs.at(0);
    const Output planned = planned_.values[id];
    const auto consumers = planned.get_target_inputs();
    ov::Shape shape(planned.get_partial_shape().size(), 1);
    shape[static_cast<size_t>(probe.axis)] = static_cast<size_t>(probe.channels);
    inputs_.push_back(std::make_shared<ov::op::v0::Parameter>(ov::element::f32, shape));
    const Output shift =
        mean_shift(as_type(inputs_.back(), planned.get_element_type()), planned, probe);
    const Output corrected = std::make_shared<ov::op::v1::Add>(planned, shift);
    for (ov::Input<ov::Node> consumer : consumers) consumer.replace_source_output(corrected);
    add_result(as_f32(shift));
  }

  void rewire(const backends::NetworkComparison& compared) {
    for (const backends::Cut& cut : compared.cuts) {
      const Output reference = reference_.values[cut.reference];
      for (auto input : planned_.values[cut.other].get_target_inputs())
        input.replace_source_output(reference);
    }
    for (NodeId id : compared.bypassed) {
      const auto& node = planned_.nodes[id];
      const auto readers = node->output(0).get_target_inputs();
      const Output source = without_rounding(*node);
      for (auto input : readers) input.replace_source_output(source);
    }
  }

  void add_comparisons(std::span<const backends::Comparison> comparisons, const Reading& planned) {
    keeps_states_ |= !comparisons.empty();
    const auto last = channels_last(reading_.graph);
    for (const backends::Comparison& comparison : comparisons) {
      const auto value = [](const Copy& copy, const Reading& reading, ValueId id) {
        return value_out_of_branches(as_f32(copy.values[id]), reading.graph.value(id).producer,
                                     copy, reading);
      };
      ov::OutputVector values{value(reference_, reading_, comparison.reference),
                              value(planned_, planned, comparison.compared())};
      int64_t axis = comparison.axis;
      if (last[comparison.reference])
        for (Output& one : values) axis = comparison.axis, one = channels_to_back(one, axis);
      add_result(
          std::make_shared<DifferenceOp>(values, axis, comparison.record_size(), next_id_++));
    }
  }

  void add_result(const Output& value) {
    results_.push_back(std::make_shared<ov::op::v0::Result>(value));
  }

  const OpenVinoModel& model_;
  const Reading& reading_;
  Copy reference_;
  Copy planned_;
  std::vector<Output> outputs_;  // behind the records
  bool keeps_states_ = false;    // of the reference: its values are measured in each run
  ov::ResultVector results_, unread_;
  ov::ParameterVector inputs_;  // behind those of the model: one a probe, or one a layer's error
  int64_t next_id_ = 0;
  Instrumented out_;
};

}  // namespace

Instrumented instrument(const OpenVinoModel& model, const backends::Measurement& measurement) {
  Instrumenter instrumenter(model);
  std::visit([&](const auto& one) { instrumenter.add(one); }, measurement);
  return instrumenter.finish();
}

}  // namespace eightbit::openvino
