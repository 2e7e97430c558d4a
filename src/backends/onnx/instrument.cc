#include "backends/onnx/instrument.h"

#include <algorithm>
#include <map>

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/ort/measure_op.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/join.h"
#include "backends/onnx/proto/opset.h"
#include "backends/onnx/proto/prune.h"
#include "backends/onnx/proto/sort.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "quant/rounded_weights.h"
#include "records/unseen.h"

namespace eightbit::onnx {
namespace {

constexpr const char* kPlanned = "eightbit.planned/";

// Of any shape.
ValueInfoProto declared(const std::string& name, DType dtype) {
  ValueInfoProto value;
  value.set_name(name);
  value.mutable_type()->mutable_tensor_type()->set_elem_type(to_data_type(dtype));
  return value;
}

// One axis.
void add_input(GraphProto& graph, const std::string& name, DType dtype) {
  ValueInfoProto& input = *graph.add_input() = declared(name, dtype);
  input.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim();
}

class Instrumenter {
 public:
  explicit Instrumenter(const OnnxModel& model)
      : model_(model),
        reference_(model.copy()),
        own_outputs_(reference_.content.model.graph().output()) {
    clear_outputs(reference_);
    add_input(graph(), kBatch, DType::i64);
    auto& set = *reference_.content.model.add_opset_import();
    set.set_domain(kMeasureDomain);
    set.set_version(1);
  }

  void add(const backends::Taps& taps) {
    for (const Tap& tap : taps.taps) add_tap(tap);
    if (taps.outputs) outputs_ = own_outputs_;
  }

  void add(const backends::Probes& probes) {
    add_planned(*probes.plan);
    add_probes(probes);
  }

  void add(const backends::PlanComparison& compared) {
    const int first = add_planned(*compared.plan);
    if (compared.layers_alone) cut_quantized_values(*compared.plan, first);
    for (const backends::Comparison& one : compared.comparisons) add_comparison(one);
  }

  void add(const backends::NetworkComparison& compared) {
    const auto* other = dynamic_cast<const OnnxModel*>(compared.other);
    if (!other)
      fail<Unsupported>(
          "compare",
          "an ONNX model cannot be compared with one of the backend '{}'. Read both from .onnx",
          compared.other->backend());
    in_integers_ = compared.integer_arithmetic;
    add_planned(other->copy(), *other);
    rewire(compared);
    for (const backends::Comparison& one : compared.comparisons) add_comparison(one);
  }

  void add(const backends::LayerErrors& errors) {
    const int first = add_planned(*errors.plan);
    cut_quantized_values(*errors.plan, first);
    for (NodeId layer : errors.layers) {
      const ValueId id = model_.graph().node(layer).outputs.at(0);
      const DType dtype = model_.graph().value(id).dtype;
      const std::string error = fmt::format("eightbit.error.{}", ++count_);
      reference_.add_node(
          "Sub", error,
          {cast(planned_[id], dtype, DType::f32), cast(reference_.values[id], dtype, DType::f32)},
          {error});
      *outputs_.Add() = declared(error, DType::f32);
    }
  }

  void add(const backends::LayerShapes& shapes) {
    for (NodeId layer : shapes.layers) {
      const std::string shape = fmt::format("eightbit.shape.{}", ++count_);
      reference_.add_node("Shape", shape,
                          {reference_.values[model_.graph().node(layer).outputs.at(0)]}, {shape});
      *outputs_.Add() = declared(shape, DType::i64);
    }
  }

  void add(const backends::ErrorInjection& injection) {
    for (NodeId layer : injection.layers) {
      const ValueId id = model_.graph().node(layer).outputs.at(0);
      const std::string& value = reference_.values[id];
      const std::string error = fmt::format("eightbit.error.{}", ++count_);
      *graph().add_input() = declared(error, DType::f32);
      const std::string before = reference_.yield_instead(value, "/without_error");
      reference_.add_node("Add", value + "/with_error",
                          {before, cast(error, DType::f32, model_.graph().value(id).dtype)},
                          {value});
    }
    outputs_ = own_outputs_;
  }

  Instrumented finish() {
    const auto problem = sort_nodes(graph());
    EIGHTBIT_CHECK(!problem, "an instrumented model has a cycle at '{}'", problem->name());
    Instrumented out{std::move(reference_.content), {}, 0};
    add_leaves(*out.content.model.mutable_graph());
    out.outputs = static_cast<size_t>(outputs_.size());
    out.content.model.mutable_graph()->mutable_output()->MergeFrom(outputs_);
    prune(out.content);
    for (const Tap& tap : taps_)
      out.histograms.push_back(tap.histogram_count() > 0 ? std::make_shared<HistogramSink>()
                                                         : nullptr);
    return out;
  }

 private:
  GraphProto& graph() { return *reference_.content.model.mutable_graph(); }
  static void clear_outputs(Copy& copy) { copy.content.model.mutable_graph()->clear_output(); }

  // Returns the index of the first node that was added.
  int add_planned(const Plan& plan) {
    const Plan rounded = with_rounded_weights(model_.graph(), plan);
    return add_planned(model_.copy(&rounded), model_);
  }

  int add_planned(Copy planned, const OnnxModel& from) {
    from_ = &from;
    clear_outputs(planned);
    lift_to_same_opset(reference_, model_.reading(), planned, from.reading());
    const int first = graph().node_size();
    join(reference_, planned, kPlanned);
    planned_ = std::move(planned.values);
    return first;
  }

  // Readers of quantized values read the float model's, and so do quantizers that stand in front of
  // a Clip. `first`: of the planned model's nodes. Bodies do not reach into those of the other
  // model.
  void cut_quantized_values(const Plan& plan, int first) {
    std::map<std::string, std::string> all, quantized;
    for (size_t i = 0; i < planned_.size(); ++i)
      if (!in_body(model_, static_cast<ValueId>(i))) all.emplace(planned_[i], reference_.values[i]);
    for (const Quantizer& q : plan.quantizers)
      if (!q.weight && !in_body(model_, q.value)) quantized.insert(*all.find(planned_[q.value]));
    for (int i = first; i < graph().node_size(); ++i) {
      NodeProto& node = *graph().mutable_node(i);
      const auto& floats = node.op_type() == "QuantizeLinear" ? all : quantized;
      for (std::string& input : *node.mutable_input())
        if (const auto it = floats.find(input); it != floats.end()) input = it->second;
    }
  }

  // One model has one version of the standard operators, and quantizers may have asked for a newer
  // one.
  static void lift_to_same_opset(Copy& one, const Reading& of_one, Copy& two,
                                 const Reading& of_two) {
    const int64_t newest = std::max(opset_of(one.content.model), opset_of(two.content.model));
    lift_opset(one.content.model, newest,
               [&](const auto& tensor) { return of_one.rank_of(tensor); });
    lift_opset(two.content.model, newest,
               [&](const auto& tensor) { return of_two.rank_of(tensor); });
  }

  NodeProto& add_operator(const std::string& type, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
    NodeProto& node =
        reference_.add_node(type, "eightbit." + std::to_string(++count_), inputs, outputs);
    node.set_domain(kMeasureDomain);
    return node;
  }

  std::string cast(const std::string& value, DType from, DType to) {
    if (from == to) return value;
    const std::string name = fmt::format("eightbit.cast.{}", ++count_);
    set_attribute(reference_.add_node("Cast", name, {value}, {name}), "to", to_data_type(to));
    return name;
  }

  void add_record(const std::string& name) { *graph().add_output() = declared(name, DType::f32); }

  // Nodes that only measure stand aside until the end: see add_leaves().
  NodeProto& add_leaf(const std::string& type, const std::vector<std::string>& inputs) {
    const std::string output = fmt::format("eightbit.record.{}", ++count_);
    add_record(output);
    NodeProto& leaf = leaves_.emplace_back();
    leaf.set_op_type(type);
    leaf.set_domain(kMeasureDomain);
    for (const std::string& input : inputs) leaf.add_input(input);
    leaf.add_output(output);
    return leaf;
  }

  void add_tap(const Tap& tap) {
    const auto number = static_cast<int64_t>(taps_.size());
    taps_.push_back(tap);
    const std::string value =
        cast(reference_.values[tap.value], model_.graph().value(tap.value).dtype, DType::f32);
    if (in_body(model_, tap.value))
      add_tap_in_body(value, tap.value, number);
    else
      set_attribute(add_leaf("Reduce", {value, kBatch}), "tap", number);
  }

  // Owner and body of the node that yields the value, then those of the owner, and so on.
  static std::vector<std::pair<NodeId, int>> bodies_around(const OnnxModel& model, ValueId id) {
    const Reading& reading = model.reading();
    std::vector<std::pair<NodeId, int>> bodies;
    NodeId node = reading.graph.value(id).producer;
    for (NodeId owner; node != kNone && (owner = reading.graph.node(node).owner) != kNone;
         node = owner)
      bodies.emplace_back(owner, reading.bodies[node]);
    return bodies;
  }
  static bool in_body(const OnnxModel& model, ValueId id) {
    return !bodies_around(model, id).empty();
  }

  static const NodeProto& proto_of(const OnnxModel& model, NodeId id) {
    return model.native().graph().node(model.reading().nodes[id].back());
  }

  // One record, whatever the batch; an output of each node around it leads out.
  void add_tap_in_body(const std::string& value, ValueId id, int64_t tap) {
    if (one_.empty()) one_ = reference_.add_initializer("eightbit.one", one());
    std::vector<float> unseen(static_cast<size_t>(taps_[static_cast<size_t>(tap)].record_size()),
                              0.0f);
    unseen.back() = kUnseen;
    const std::string otherwise = reference_.add_initializer("eightbit.unseen", row(unseen));
    std::string record = add_measure("Reduce", {value, one_}, tap);
    for (const auto& [owner, body] : bodies_around(model_, id)) {
      const NodeProto& proto = proto_of(model_, owner);
      const auto size = static_cast<int64_t>(unseen.size());
      // Scan asks for shapes
      record = add_result(reference_, proto.name(), body, record, otherwise, {1, size});
      if (repeats(proto)) record = add_measure("Fold", {record}, tap);
    }
    add_record(record);
  }

  std::string add_measure(const std::string& type, const std::vector<std::string>& inputs,
                          int64_t tap) {
    const std::string record = fmt::format("eightbit.record.{}", ++count_);
    set_attribute(add_operator(type, inputs, {record}), "tap", tap);
    return record;
  }

  static Tensor one() {
    Tensor one = Tensor::allocate(DType::i64, {1});
    *reinterpret_cast<int64_t*>(one.mutable_data()) = 1;
    return one;
  }
  static Tensor row(const std::vector<float>& values) {
    return Tensor::from_floats(values, {1, static_cast<int64_t>(values.size())});
  }

  void add_probes(const backends::Probes& probes) {
    if (probes.probes.empty()) return;
    EIGHTBIT_CHECK(!probes.reference_means.empty(), "bias probes without means to compare with");
    add_input(graph(), kMeans, DType::f32);
    int64_t first = 0;
    for (const BiasProbe& probe : probes.probes) {
      add_probe(probe, first);
      first += probe.channels;
    }
  }

  void add_probe(const BiasProbe& probe, int64_t first) {
    const ValueId id = model_.graph().node(probe.node).outputs.at(0);
    const DType dtype = model_.graph().value(id).dtype;
    const std::string& value = planned_[id];
    const std::string before = reference_.yield_instead(value, "/uncorrected");
    const std::string shift = fmt::format("eightbit.shift.{}", ++count_);
    const std::string corrected = dtype == DType::f32 ? value : before + "/corrected";
    NodeProto& node =
        add_operator("MeanShift", {cast(before, dtype, DType::f32), kMeans}, {corrected, shift});
    set_attribute(node, "axis", probe.axis);
    set_attribute(node, "first", first);
    set_attribute(node, "channels", probe.channels);
    set_attribute(node, "relu", static_cast<int64_t>(probe.relu));
    if (dtype != DType::f32) cast_to(corrected, value, dtype);
    add_record(shift);
  }

  void cast_to(const std::string& from, const std::string& to, DType dtype) {
    NodeProto& node = reference_.add_node("Cast", to + "/cast", {from}, {to});
    set_attribute(node, "to", to_data_type(dtype));
  }

  void add_comparison(const backends::Comparison& comparison) {
    const ValueId other = comparison.compared();
    if (in_loop(model_, comparison.reference) || in_loop(*from_, other))
      return add_nothing(comparison.record_size());
    const std::string& value = reference_.values[comparison.reference];
    const std::string reference = out_of_branches(value, model_, comparison.reference, "");
    const std::string planned = out_of_branches(compared_value(other), *from_, other, kPlanned);
    NodeProto& leaf = add_leaf("Difference", {reference, planned});
    set_attribute(leaf, "axis", comparison.axis);
    set_attribute(leaf, "size", comparison.record_size());
  }

  static bool in_loop(const OnnxModel& model, ValueId id) {
    return std::ranges::any_of(bodies_around(model, id), [&](const auto& body) {
      return repeats(proto_of(model, body.first));
    });
  }

  // Values of iterations are not compared.
  void add_nothing(int64_t size) {
    const std::string record = fmt::format("eightbit.record.{}", ++count_);
    const std::vector<float> nothing(static_cast<size_t>(size), 0.0f);
    const std::string zeros = reference_.add_initializer("eightbit.nothing", row(nothing));
    reference_.add_node("Identity", record, {zeros}, {record});
    add_record(record);
  }

  // In f32; empty where a branch is not taken. `prefix`: of the nodes of `model` here.
  std::string out_of_branches(const std::string& value, const OnnxModel& model, ValueId id,
                              const std::string& prefix) {
    const Value& known = model.graph().value(id);
    std::string tensor = cast(value, known.dtype, DType::f32), empty;
    for (const auto& [owner, body] : bodies_around(model, id)) {
      const Shape shape(std::max<size_t>(known.shape.size(), 1), 0);
      if (empty.empty())
        empty = reference_.add_initializer("eightbit.empty", Tensor::from_floats({}, shape));
      tensor = add_result(reference_, prefix + proto_of(model, owner).name(), body, tensor, empty);
    }
    return tensor;
  }

  // Before anything else reads the values of the planned model.
  void rewire(const backends::NetworkComparison& compared) {
    for (const backends::Cut& cut : compared.cuts)
      read_instead(planned_[cut.other], reference_.values[cut.reference]);
    for (NodeId id : compared.bypassed) {
      const std::string& output = planned_[from_->graph().node(id).outputs.at(0)];
      for (const NodeProto& node : graph().node())
        if (node.output_size() > 0 && node.output(0) == output) {
          read_instead(output, std::string(node.input(0)));
          break;
        }
    }
  }

  void read_instead(const std::string& value, const std::string& other) {
    for (NodeProto& node : *graph().mutable_node())
      for (std::string& input : *node.mutable_input())
        if (input == value) input = other;
  }

  // What the planned model's consumers see. Read in front of a quantizer, a value would keep the
  // runtime from computing it in integers.
  std::string compared_value(ValueId id) const {
    if (!in_integers_) return planned_[id];
    for (const char* type : {"QuantizeLinear", "DequantizeLinear"}) {
      const auto& uses = from_->graph().value(id).uses;
      if (uses.size() != 1 || from_->graph().node(uses[0].node).type != type) break;
      const ValueId next = from_->graph().node(uses[0].node).outputs[0];
      id = next;
    }
    return planned_[id];
  }

  // ONNX Runtime walks back from the last node that nobody reads first. In reverse order each is
  // computed as soon as its input is there, and no activation waits for it.
  void add_leaves(GraphProto& graph) {
    for (auto leaf = leaves_.rbegin(); leaf != leaves_.rend(); ++leaf)
      graph.add_node()->Swap(&*leaf);
  }

  const OnnxModel& model_;
  Copy reference_;
  const google::protobuf::RepeatedPtrField<ValueInfoProto> own_outputs_;
  google::protobuf::RepeatedPtrField<ValueInfoProto> outputs_;  // behind the records
  std::vector<Tap> taps_;
  bool in_integers_ = false;               // how the other network computes
  const OnnxModel* from_ = nullptr;        // of which the planned model is a copy
  Indexed<ValueId, std::string> planned_;  // of the planned model
  std::vector<NodeProto> leaves_;
  std::string one_;
  int count_ = 0;
};

}  // namespace

Instrumented instrument(const OnnxModel& model, const backends::Measurement& measurement) {
  Instrumenter instrumenter(model);
  std::visit([&](const auto& one) { instrumenter.add(one); }, measurement);
  return instrumenter.finish();
}

}  // namespace eightbit::onnx
