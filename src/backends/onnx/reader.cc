#include "backends/onnx/reader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/bodies/scopes.h"
#include "backends/onnx/composites.h"
#include "backends/onnx/constants.h"
#include "backends/onnx/op_map.h"
#include "backends/onnx/ort/engine.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/graph_index.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "graph/roles.h"
#include "graph/settle.h"
#include "graph/unique_names.h"

namespace eightbit::onnx {
namespace {

// A product reads as many channels as its weight has, also where the engine's inference lost count
// on the way.
void count_channels_of_products(const GraphProto& graph, TensorTypes& types) {
  for (const auto& node : graph.node()) {
    const bool product = node.op_type() == "MatMul", convolution = node.op_type() == "Conv";
    if (!is_standard(node.domain()) || node.input_size() < 2 || !(product || convolution)) continue;
    const auto input = types.find(node.input(0)), weight = types.find(node.input(1));
    if (input == types.end() || weight == types.end()) continue;
    Shape& shape = input->second.shape;
    const Shape& by = weight->second.shape;
    if (shape.size() < 2 || by.size() < 2) continue;
    int64_t& channels = product ? shape.back() : shape[1];
    const int64_t known = product     ? by[by.size() - 2]
                          : by[1] < 0 ? -1
                                      : by[1] * int_attribute(node, "group", 1);
    if (channels < 0) channels = known;
  }
}

// What the engine infers of an open loop holds for the first iteration.
void forget_changing_shapes(const GraphProto& graph, const Scopes& scopes, TensorTypes& types) {
  std::vector<bool> changing(scopes.all.size());
  for (size_t scope = 1; scope < scopes.all.size(); ++scope)
    changing[scope] = changing[static_cast<size_t>(scopes.all[scope].parent)] ||
                      !keeps_shapes(graph, scopes, static_cast<int>(scope), types);
  for (int i = 0; i < graph.node_size(); ++i)
    if (const int scope = scopes.of_node[static_cast<size_t>(i)];
        scope != kNone && changing[static_cast<size_t>(scope)])
      for (const auto& output : graph.node(i).output())
        if (const auto it = types.find(output); it != types.end())
          std::ranges::fill(it->second.shape, -1);
}

// The engine knows more than the model declares, and not always everything that it declares.
TensorTypes types_of(const Content& content, const Scopes& scopes) {
  TensorTypes types = infer_types(content);
  const GraphProto& graph = content.model.graph();
  const auto declare = [&](const ValueInfoProto& value) {
    TensorType declared = to_type(value.type());
    TensorType& known = types[value.name()];
    if (known.dtype == DType::undefined || (!known.rank_known && declared.rank_known))
      known = std::move(declared);
  };
  for (const auto& value : graph.input()) declare(value);
  for (const auto& value : graph.value_info()) declare(value);
  for (const auto& value : graph.output()) declare(value);
  for (const auto& initializer : graph.initializer())
    types[initializer.name()] = {to_dtype(initializer.data_type()),
                                 Shape(initializer.dims().begin(), initializer.dims().end()), true};
  forget_changing_shapes(graph, scopes, types);
  count_channels_of_products(graph, types);
  return types;
}

const std::string& name_of(const NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const auto& output : node.output())
    if (!output.empty()) return output;
  return node.op_type();
}

// What is the same for the main graph and its bodies.
struct Builder {
  Reading reading;
  UniqueNames names;
  NodeId owner = kNone;  // of the nodes that are being added
  int body = 0;

  void reserve(const GraphProto& graph) {
    for (const auto& input : graph.input()) names.reserve(input.name());
    for (const auto& node : graph.node()) names.reserve(name_of(node));
    for (const auto& output : graph.output()) names.reserve(output.name() + "/result");
  }

  NodeId add_node(const std::string& name, const std::string& type, Op op,
                  const std::vector<ValueId>& inputs, Attributes attributes, std::vector<int> nodes,
                  std::vector<std::vector<InputRef>> places) {
    reading.nodes.push_back(std::move(nodes));
    reading.inputs.push_back(std::move(places));
    reading.bodies.push_back(body);
    const NodeId id =
        reading.graph.add_node(names.unique(name), type, op, inputs, std::move(attributes));
    reading.graph.nodes[id].owner = owner;
    return id;
  }

  void add_output(NodeId node, const std::string& tensor, const TensorType& type) {
    const ValueId id = reading.graph.add_output(node, type.dtype, type.shape, type.rank_known);
    reading.values.push_back(tensor);
    if (!tensor.empty()) reading.ids.emplace(tensor, id);
  }

  void add_parameter(const std::string& tensor, const TensorType& type) {
    add_output(add_node(tensor, "Parameter", Op::parameter, {}, {}, {}, {}), tensor, type);
  }

  void add_result(const std::string& tensor, ValueId value, InputRef place) {
    const std::string name = tensor + "/result";
    const NodeId id = add_node(name, "Result", Op::result, {value}, {}, {}, {{place}});
    const Value& source = reading.graph.value(value);
    add_output(id, "", {source.dtype, source.shape, source.rank_known});
  }
};

std::shared_ptr<Graph> read_body(const GraphProto& body, int64_t opset);

void add_bodies(Graph& graph, NodeId id, const NodeProto& node, int64_t opset) {
  for (const auto* body : bodies_of(node))
    graph.nodes[id].bodies.push_back(read_body(*body, opset));
}

// Bodies are shown, so that names in them can be found, and never rewritten: their constants have
// no values here.
std::shared_ptr<Graph> read_body(const GraphProto& body, int64_t opset) {
  Builder builder;
  builder.reserve(body);
  TensorTypes types;
  const auto declare = [&](const ValueInfoProto& value) {
    types[value.name()] = to_type(value.type());
  };
  for (const auto& value : body.input()) declare(value);
  for (const auto& value : body.value_info()) declare(value);
  for (const auto& name : outer_tensors(body)) builder.add_parameter(name, {});
  for (const auto& input : body.input()) builder.add_parameter(input.name(), types[input.name()]);
  std::unordered_map<std::string, const TensorProto*> initializers;
  for (const auto& initializer : body.initializer())
    initializers[initializer.name()] = &initializer;
  const auto value_of = [&](const std::string& name) {
    if (name.empty()) return kNone;
    const auto it = initializers.find(name);
    if (it == initializers.end() || builder.reading.ids.contains(name))
      return builder.reading.value_of(name);
    const ValueId id = builder.reading.graph.add_constant(
        name, to_dtype(it->second->data_type()),
        {it->second->dims().begin(), it->second->dims().end()}, {});
    builder.reading.values.push_back(name);
    builder.reading.ids.emplace(name, id);
    return id;
  };
  const NodeContext context{[&](const auto& name) { return types[name]; }, opset};
  for (const auto& node : body.node()) {
    std::vector<ValueId> inputs;
    for (const auto& input : node.input()) inputs.push_back(value_of(input));
    const NodeId id = builder.add_node(name_of(node), node.op_type(), map_op(node), inputs,
                                       read_attributes(node, context), {}, {});
    for (const auto& output : node.output()) builder.add_output(id, output, types[output]);
    add_bodies(builder.reading.graph, id, node, opset);
  }
  for (int port = 0; port < body.output_size(); ++port) {
    value_of(body.output(port).name());
    const std::string& output = body.output(port).name();
    builder.add_result(output, builder.reading.value_of(output), {kNone, port});
  }
  settle(builder.reading.graph);
  return std::make_shared<Graph>(std::move(builder.reading.graph));
}

class Reader {
 public:
  explicit Reader(const std::shared_ptr<const Content>& content)
      : content_(content),
        proto_(content->model.graph()),
        marks_(content->marks),
        scopes_(scopes_of(*content)),
        types_(types_of(*content, scopes_)),
        constants_(std::make_shared<Constants>(*content, types_)),
        index_(proto_),
        context_{[this](const auto& name) { return type_of(name); }, opset_of(content->model)} {}

  Reading read() {
    builder_.reserve(proto_);
    find_spelled_out();
    find_live();
    for (const auto& input : proto_.input())
      builder_.add_parameter(input.name(), type_of(input.name()));
    in_scope_.resize(scopes_.all.size());
    for (int i = 0; i < proto_.node_size(); ++i)
      if (live_[static_cast<size_t>(i)] && !is_constant_node(i) &&
          !is_aside(marks_, index_.node(i)))
        in_scope_[static_cast<size_t>(scopes_.of_node[static_cast<size_t>(i)])].push_back(i);
    for (open_ = {0}; at_ < open_.size(); ++at_) read_scope(open_[at_]);
    settle(builder_.reading.graph);
    builder_.reading.graph.check();
    return std::move(builder_.reading);
  }

 private:
  void read_scope(int scope) {
    const Scope& s = scopes_.all[static_cast<size_t>(scope)];
    const bool main = scope == 0;
    builder_.owner = main ? kNone : owners_.at(s.owner);
    builder_.body = s.body;
    const int results = main ? proto_.output_size() : result_count(index_.node(s.owner), s.body);
    std::set<int> ends;
    for (int port = 0; !main && port < results; ++port)
      ends.insert(index_.producer(result_of(index_.node(s.owner), s.body, port)));
    for (int i : in_scope_[static_cast<size_t>(scope)]) {
      const auto it = composite_of_.find(i);
      const NodeProto& node = index_.node(i);
      if (ends.contains(i)) continue;
      if (is_entry(marks_, node) || is_state(marks_, node))
        builder_.add_parameter(node.output(0), type_of(node.output(0)));
      else if (it == composite_of_.end())
        add(i);
      else if (it->second->nodes.back() == i)
        add(*it->second);
    }
    for (int port = 0; port < results; ++port) main ? add_result(port) : add_result(s, port);
  }

  void add_result(int port) {
    const std::string& output = proto_.output(port).name();
    builder_.add_result(output, input_value(output), {kNone, port});
  }

  // What the last Identity of a body reads is what the body yields.
  void add_result(const Scope& scope, int port) {
    const int end = index_.producer(result_of(index_.node(scope.owner), scope.body, port));
    const std::string& tensor = index_.node(end).input(0);
    builder_.add_result(tensor, input_value(tensor), {end, 0});
  }

  TensorType type_of(const std::string& name) const {
    const auto it = types_.find(name);
    return it == types_.end() ? TensorType{} : it->second;
  }

  bool is_constant_node(int i) const {
    const auto& outputs = index_.node(i).output();
    return std::ranges::any_of(outputs,
                               [&](const auto& name) { return constants_->contains(name); });
  }

  // Stored scalars only: nothing is computed for a pattern.
  std::optional<float> scalar_of(const std::string& tensor) const {
    if (!constants_->contains(tensor) || constants_->stored(tensor) != tensor) return std::nullopt;
    const TensorProto* proto = index_.initializer(tensor);
    if (!proto) {
      const auto* value = find_attribute(index_.node(index_.producer(tensor)), "value");
      if (!value || !value->has_t()) return std::nullopt;
      proto = &value->t();
    }
    const bool one = std::ranges::all_of(proto->dims(), [](int64_t extent) { return extent == 1; });
    if (!one || bits_of(to_dtype(proto->data_type())) < 8) return std::nullopt;
    return to_floats(to_tensor(*proto, nullptr))[0];
  }

  void find_spelled_out() {
    composites_ = find_composites(index_, [this](const auto& name) { return scalar_of(name); });
    for (const auto& composite : composites_)
      for (int node : composite.nodes) composite_of_[node] = &composite;
  }

  // What the outputs need.
  void find_live() {
    live_.assign(static_cast<size_t>(proto_.node_size()), false);
    const auto need = [&](const std::string& tensor) {
      if (const int node = index_.producer(tensor); node != kNone)
        live_[static_cast<size_t>(node)] = true;
    };
    for (const auto& output : proto_.output()) need(output.name());
    for (int i = proto_.node_size(); i-- > 0;) {
      if (!live_[static_cast<size_t>(i)]) continue;
      for (const auto& input : index_.node(i).input()) need(input);
      for (const auto* body : bodies_of(index_.node(i)))
        for (const auto& name : outer_tensors(*body)) need(name);
    }
  }

  void add(int i) {
    const NodeProto& node = index_.node(i);
    const Op op = map_op(node);
    std::vector<ValueId> inputs;
    std::vector<std::vector<InputRef>> places;
    for (int port : ports_of(node)) {
      const bool connected = port < node.input_size() && !node.input(port).empty();
      inputs.push_back(!connected                    ? kNone
                       : port == 1 && has_groups(op) ? grouped_weight(node)
                                                     : input_value(node.input(port)));
      places.push_back(connected ? std::vector<InputRef>{{i, port}} : std::vector<InputRef>{});
    }
    if (is_open(marks_, node))
      read_entries(i, inputs, places);
    else
      read_bodies(node, inputs, places);
    const NodeId id = builder_.add_node(name_of(node), node.op_type(), op, inputs,
                                        read_attributes(node, context_), {i}, std::move(places));
    for (const auto& output : node.output()) builder_.add_output(id, output, type_of(output));
    if (is_open(marks_, node))
      owners_[i] = id;
    else
      add_bodies(builder_.reading.graph, id, node, context_.opset);
  }

  // A node reads what its bodies read; their nodes come later.
  void read_entries(int owner, std::vector<ValueId>& inputs,
                    std::vector<std::vector<InputRef>>& places) {
    for (size_t scope = 1; scope < scopes_.all.size(); ++scope) {
      if (scopes_.all[scope].owner != owner) continue;
      open_.push_back(static_cast<int>(scope));
      for (int i : in_scope_[scope]) {
        if (!is_entry(marks_, index_.node(i))) continue;
        inputs.push_back(input_value(index_.node(i).input(0)));
        places.push_back({{i, 0}});
      }
    }
  }

  void read_bodies(const NodeProto& node, std::vector<ValueId>& inputs,
                   std::vector<std::vector<InputRef>>& places) {
    for (const auto* body : bodies_of(node))
      for (const auto& name : outer_tensors(*body)) {
        inputs.push_back(input_value(name));
        places.emplace_back();
      }
  }

  void add(const Composite& composite) {
    std::vector<ValueId> inputs;
    for (const auto& places : composite.inputs)
      inputs.push_back(input_value(index_.node(places[0].node).input(places[0].port)));
    const NodeProto& last = index_.node(composite.nodes.back());
    const NodeId id = builder_.add_node(name_of(last), composite.type, composite.op, inputs, {},
                                        composite.nodes, composite.inputs);
    builder_.add_output(id, last.output(0), type_of(last.output(0)));
  }

  static std::vector<int> ports_of(const NodeProto& node) {
    auto order = port_order(node);
    if (order.empty())
      for (int port = 0; port < node.input_size(); ++port) order.push_back(port);
    return order;
  }

  // A constant is another value in each body.
  ValueId input_value(const std::string& tensor) {
    if (constants_->contains(tensor)) {
      auto [it, is_new] = constant_ids_.emplace(std::pair{open_[at_], tensor}, kNone);
      if (is_new)
        builder_.reading.ids.emplace(tensor,
                                     it->second = add_constant(tensor, shape_of_constant(tensor)));
      return it->second;
    }
    const ValueId id = builder_.reading.value_of(tensor);
    if (id == kNone)
      fail<ModelError>("onnx", "tensor '{}' is read before it is there. Export the model again",
                       tensor);
    return id;
  }

  // [G * O, I, ...] as [G, O, I, ...]; for transposed convolutions [G * I, O, ...] as [G, I, O,
  // ...].
  ValueId grouped_weight(const NodeProto& node) {
    const std::string& tensor = node.input(1);
    const int64_t groups = int_attribute(node, "group", 1);
    if (!constants_->contains(tensor)) return input_value(tensor);
    Shape shape = shape_of_constant(tensor);
    if (shape.empty() || groups < 1 || shape[0] % groups != 0)
      fail<ModelError>(
          "onnx",
          "node '{}' of type {} has {} groups and weights of shape {}. Export the model again",
          name_of(node), node.op_type(), groups, to_string(shape));
    auto [it, is_new] = grouped_ids_.emplace(std::tuple{open_[at_], tensor, groups}, kNone);
    if (!is_new) return it->second;
    shape[0] /= groups;
    shape.insert(shape.begin(), groups);
    it->second = add_constant(tensor, shape);
    builder_.reading.grouped.insert(it->second);
    return it->second;
  }

  Shape shape_of_constant(const std::string& tensor) {
    const TensorType type = type_of(tensor);
    const bool known = type.rank_known &&
                       std::ranges::all_of(type.shape, [](int64_t extent) { return extent >= 0; });
    if (known && type.dtype != DType::undefined) return type.shape;
    const Tensor value = constants_->value(tensor);
    types_[tensor] = {value.dtype, value.shape, true};
    return value.shape;
  }

  ValueId add_constant(const std::string& tensor, const Shape& shape) {
    Constant constant;
    constant.load = [content = content_, constants = constants_, tensor, shape] {
      Tensor value = constants->value(tensor);
      value.shape = shape;
      return value;
    };
    constant.quantized = constants_->dequantized(tensor);
    constant.compressed = constants_->compressed(tensor);
    builder_.reading.values.push_back(tensor);
    return builder_.reading.graph.add_constant(constants_->stored(tensor), type_of(tensor).dtype,
                                               shape, std::move(constant));
  }

  const std::shared_ptr<const Content> content_;
  const GraphProto& proto_;
  const Marks& marks_;
  Scopes scopes_;
  TensorTypes types_;
  std::shared_ptr<Constants> constants_;
  GraphIndex index_;
  NodeContext context_;
  Builder builder_;
  std::vector<Composite> composites_;
  std::unordered_map<int, const Composite*> composite_of_;
  std::vector<bool> live_;
  std::vector<std::vector<int>> in_scope_;  // nodes that become part of the graph, in order
  std::vector<int> open_;                   // scopes in the order they are met
  size_t at_ = 0;                           // the place in it of the one that is being read
  std::unordered_map<int, NodeId> owners_;  // by index of the node that has the body
  std::map<std::pair<int, std::string>, ValueId> constant_ids_;
  std::map<std::tuple<int, std::string, int64_t>, ValueId> grouped_ids_;
};

}  // namespace

ValueId Reading::value_of(const std::string& tensor) const {
  const auto it = ids.find(tensor);
  return it == ids.end() ? kNone : it->second;
}

std::optional<int64_t> Reading::rank_of(const std::string& tensor) const {
  const ValueId id = value_of(tensor);
  if (id == kNone || !graph.value(id).rank_known) return std::nullopt;
  return static_cast<int64_t>(graph.value(id).shape.size());
}

Reading read_graph(const std::shared_ptr<const Content>& content) { return Reader(content).read(); }

}  // namespace eightbit::onnx
