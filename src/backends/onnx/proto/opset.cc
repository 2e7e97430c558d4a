// Source of what changed when: the operator changelog of the ONNX specification (docs/Changelog.md
// of onnx 1.17).
#include "backends/onnx/proto/opset.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "base/error.h"

namespace eightbit::onnx {
namespace {

class Lifter {
 public:
  Lifter(GraphProto& graph, int64_t from, int64_t to, const RankOf& rank_of)
      : graph_(graph), from_(from), to_(to), rank_of_(rank_of) {}

  void lift() {
    google::protobuf::RepeatedPtrField<NodeProto> nodes;
    nodes.Swap(graph_.mutable_node());
    for (auto& node : nodes) {
      for (auto* body : bodies_of(node)) Lifter(*body, from_, to_, rank_of_).lift();
      place(node);
    }
  }

 private:
  using Step = void (Lifter::*)(NodeProto&);
  struct Change {
    int64_t version;  // the op is another one from here on
    Step step;
  };

  // The steps of an op, by rising version.
  static const std::unordered_map<std::string_view, std::vector<Change>>& changes() {
    static const std::unordered_map<std::string_view, std::vector<Change>> table = [] {
      std::unordered_map<std::string_view, std::vector<Change>> t = {
          {"Upsample", {{10, &Lifter::upsample}}},
          {"Resize", {{11, &Lifter::resize}}},
          {"Slice", {{10, &Lifter::slice}}},
          {"TopK", {{10, &Lifter::top_k}}},
          {"Scan", {{9, &Lifter::refuse}}},
          {"BatchNormalization", {{9, &Lifter::batch_norm}}},
          {"Clip", {{11, &Lifter::clip}}},
          {"Pad", {{11, &Lifter::pad}}},
          {"Scatter", {{11, &Lifter::scatter}}},
          {"Dropout", {{12, &Lifter::dropout}}},
          {"Squeeze", {{13, &Lifter::axes}}},
          {"Unsqueeze", {{13, &Lifter::axes}}},
          {"ReduceSum", {{13, &Lifter::axes}}},
          {"Split", {{13, &Lifter::split}, {18, &Lifter::split_count}}},
          {"Softmax", {{13, &Lifter::softmax}}},
          {"LogSoftmax", {{13, &Lifter::softmax}}},
          {"Hardmax", {{13, &Lifter::softmax}}},
          {"GridSample", {{20, &Lifter::grid_sample}}},
          {"DFT", {{20, &Lifter::refuse}}},
          {"GroupNormalization", {{21, &Lifter::refuse}}},
      };
      for (std::string_view op : {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
                                  "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"})
        t[op] = {{18, &Lifter::axes}};
      return t;
    }();
    return table;
  }

  void place(NodeProto& node) {
    const auto it = is_standard(node.domain()) ? changes().find(node.op_type()) : changes().end();
    if (it != changes().end())
      for (const auto& change : it->second)
        if (from_ < change.version && change.version <= to_) (this->*change.step)(node);
    if (!node.op_type().empty()) graph_.add_node()->Swap(&node);
  }

  std::string fresh(const NodeProto& node, std::string_view what) const {
    return fmt::format("{}/{}", node.output(0), what);
  }

  std::string constant(const NodeProto& node, std::string_view what, TensorProto::DataType type,
                       const std::vector<int64_t>& values, bool scalar = false) {
    TensorProto& proto = *graph_.add_initializer();
    proto.set_name(fresh(node, what));
    proto.set_data_type(type);
    if (!scalar) proto.add_dims(static_cast<int64_t>(values.size()));
    proto.mutable_int64_data()->Assign(values.begin(), values.end());
    return proto.name();
  }

  std::string float_constant(const NodeProto& node, std::string_view what,
                             const std::vector<float>& values, bool scalar) {
    TensorProto& proto = *graph_.add_initializer();
    proto.set_name(fresh(node, what));
    proto.set_data_type(TensorProto::FLOAT);
    if (!scalar) proto.add_dims(static_cast<int64_t>(values.size()));
    proto.mutable_float_data()->Assign(values.begin(), values.end());
    return proto.name();
  }

  // A list that was an attribute becomes input `port`.
  void list_to_input(NodeProto& node, const std::string& name, int port) {
    if (!find_attribute(node, name)) return;
    set_input(node, port, constant(node, name, TensorProto::INT64, ints_attribute(node, name)));
    remove_attribute(node, name);
  }

  static void set_input(NodeProto& node, int port, const std::string& tensor) {
    while (node.input_size() <= port) node.add_input("");
    node.set_input(port, tensor);
  }

  [[noreturn]] void refuse(NodeProto& node) {
    fail<Unsupported>("onnx",
                      "node '{}' of type {} has no equivalent in version {} of the standard "
                      "operators (the model has "
                      "{}). Convert the model, or ignore what asks for that version",
                      node.name().empty() ? node.output(0) : node.name(), node.op_type(), to_,
                      from_);
  }

  void axes(NodeProto& node) { list_to_input(node, "axes", 1); }
  void split(NodeProto& node) { list_to_input(node, "split", 1); }
  void split_count(NodeProto& node) {
    if (node.input_size() < 2 || node.input(1).empty())
      set_attribute(node, "num_outputs", static_cast<int64_t>(node.output_size()));
  }

  void upsample(NodeProto& node) {
    if (const auto* scales = find_attribute(node, "scales")) {
      set_input(node, 1,
                float_constant(node, "scales", {scales->floats().begin(), scales->floats().end()},
                               false));
      remove_attribute(node, "scales");
    }
    node.set_op_type("Resize");
    if (to_ >= 11) resize(node);
  }

  // (X, scales) becomes (X, no region, scales), with the coordinates that were the only ones.
  void resize(NodeProto& node) {
    const std::string scales = node.input(1);
    set_input(node, 1, "");
    set_input(node, 2, scales);
    for (const auto& [name, value] :
         {std::pair{"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}) {
      AttributeProto& attribute = *node.add_attribute();
      attribute.set_name(name);
      attribute.set_type(AttributeProto::STRING);
      attribute.set_s(value);
    }
  }

  void slice(NodeProto& node) {
    list_to_input(node, "starts", 1);
    list_to_input(node, "ends", 2);
    list_to_input(node, "axes", 3);
  }

  void top_k(NodeProto& node) {
    set_input(node, 1, constant(node, "k", TensorProto::INT64, {int_attribute(node, "k", 1)}));
    remove_attribute(node, "k");
  }

  void batch_norm(NodeProto& node) {
    if (int_attribute(node, "spatial", 1) != 1) refuse(node);
    remove_attribute(node, "spatial");
  }

  // Bounds are f32, as in every model of that age that is f32 itself.
  void clip(NodeProto& node) {
    int port = 1;
    for (const char* bound : {"min", "max"}) {
      if (const auto* attribute = find_attribute(node, bound)) {
        const float value = attribute->f();
        set_input(node, port, float_constant(node, bound, {value}, true));
        remove_attribute(node, bound);
      }
      ++port;
    }
  }

  void pad(NodeProto& node) {
    const float value = float_attribute(node, "value", 0.0f);
    list_to_input(node, "pads", 1);
    if (value != 0.0f) set_input(node, 2, float_constant(node, "value", {value}, true));
    remove_attribute(node, "value");
  }

  void scatter(NodeProto& node) { node.set_op_type("ScatterElements"); }
  void dropout(NodeProto& node) { remove_attribute(node, "ratio"); }

  // The axes from `axis` on were taken as one. Where that is the last axis alone, nothing else
  // changes.
  void softmax(NodeProto& node) {
    const int64_t axis = int_attribute(node, "axis", 1);
    const auto rank = rank_of_(node.input(0));
    if (axis == -1 || (rank && (axis == *rank - 1 || *rank == 1)))
      return set_attribute(node, "axis", int64_t{-1});
    const std::string shape = fresh(node, "shape"), flat = fresh(node, "flat"),
                      result = fresh(node, "result");
    const std::string output = node.output(0), input = node.input(0);
    add("Shape", {input}, shape);
    set_attribute(add("Flatten", {input}, flat), "axis", axis);
    NodeProto& inner = add(node.op_type(), {flat}, result);
    set_attribute(inner, "axis", int64_t{-1});
    inner.set_name(node.name());
    add("Reshape", {result, shape}, output);
    node.clear_op_type();
  }

  NodeProto& add(const std::string& type, const std::vector<std::string>& inputs,
                 const std::string& output) {
    NodeProto& node = *graph_.add_node();
    node.set_op_type(type);
    node.set_name(output + "/" + type);
    for (const auto& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  void grid_sample(NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute())
      if (attribute.name() == "mode")
        attribute.set_s(attribute.s() == "bicubic"    ? "cubic"
                        : attribute.s() == "bilinear" ? "linear"
                                                      : attribute.s());
  }

  GraphProto& graph_;
  int64_t from_, to_;
  const RankOf& rank_of_;
};

}  // namespace

void lift_opset(ModelProto& model, int64_t version, const RankOf& rank_of) {
  const int64_t from = opset_of(model);
  if (from >= version) return;
  Lifter(*model.mutable_graph(), from, version, rank_of).lift();
  for (auto& import : *model.mutable_opset_import())
    if (is_standard(import.domain())) import.set_version(version);
}

}  // namespace eightbit::onnx
