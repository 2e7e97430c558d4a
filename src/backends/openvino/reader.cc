#include "backends/openvino/reader.h"

#include <algorithm>
#include <openvino/op/add.hpp>
#include <openvino/op/if.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <unordered_set>

#include "backends/openvino/compiler/zero_points.h"
#include "backends/openvino/constants.h"
#include "backends/openvino/op_map.h"
#include "backends/openvino/types.h"
#include "base/error.h"
#include "graph/settle.h"
#include "graph/unique_names.h"

namespace eightbit::openvino {
namespace {

constexpr int kDeepestBody = 32;

Reading read_body(const ov::Model& model, int depth);

void refuse_deep_nesting(int depth) {
  if (depth > kDeepestBody)
    fail<ModelError>(
        "openvino",
        "bodies of If, Loop or TensorIterator are nested more than {} deep; flatten the model",
        kDeepestBody);
}

class Reader {
 public:
  Reader(const ov::Model& model, int depth) { branches_.push_back({&model, kNone, 0, depth}); }

  Reading read() {
    for (size_t i = 0; i < branches_.size(); ++i) {
      at_ = branches_[i];
      read_model(*at_.model);
    }
    // What IR says of divisions and subtractions is what NNCF places quantizers by.
    settle(reading_.graph, {.by_constant = false});
    reading_.graph.check();
    return std::move(reading_);
  }

 private:
  struct Branch {
    const ov::Model* model;
    NodeId owner;
    int index, depth;
  };

  void read_model(const ov::Model& model) {
    refuse_deep_nesting(at_.depth);
    ordered_ = in_order(model);
    for (const auto& sink : model.get_sinks()) live_.insert(sink.get());
    reserve_names();
    for (const auto& node : ordered_) fold(*node);
    find_live();
    for (const auto& node : ordered_)
      if (live_.contains(node.get()) && !constants_.contains(node.get())) add(node);
  }

  // Results last, as the model has its outputs: OpenVINO's own order turns them around, and what
  // is measured at outputs is paired with what the model yields.
  static ov::NodeVector in_order(const ov::Model& model) {
    ov::NodeVector nodes = model.get_ordered_ops();
    std::erase_if(nodes, [](const auto& node) { return ov::is_type<ov::op::v0::Result>(node); });
    const ov::ResultVector& results = model.get_results();
    nodes.insert(nodes.end(), results.begin(), results.end());
    return nodes;
  }

  // Names that are taken before any suffix is given, so that a suffixed name never meets a later
  // original.
  void reserve_names() {
    for (const auto& node : ordered_) names_.reserve(node->get_friendly_name());
  }

  bool is_constant(const ov::Output<ov::Node>& output) const {
    return constants_.contains(output.get_node());
  }

  void fold(const ov::Node& node) {
    bool constant = is_leaf_constant(node);
    if (!constant && is_foldable(node)) {
      const auto inputs = node.input_values();
      constant = std::ranges::all_of(inputs, [&](const auto& input) { return is_constant(input); });
    }
    if (constant) constants_.insert(&node);
  }

  // Ends of the model and what they need; a ShapeOf whose every use has been folded is not among
  // them.
  void find_live() {
    for (auto it = ordered_.rbegin(); it != ordered_.rend(); ++it) {
      const ov::Node* node = it->get();
      if (ov::is_type<ov::op::v0::Result>(node) || ov::is_type<ov::op::v0::Parameter>(node))
        live_.insert(node);
      if (!live_.contains(node) || constants_.contains(node)) continue;
      for (const auto& input : (*it)->input_values()) live_.insert(input.get_node());
    }
  }

  // What stands for the zero point of a layer's input (compiler/zero_points.h), read off its name.
  bool is_part_of_layer(const ov::Node& node) const {
    if (!ov::is_type<ov::op::v1::Add>(&node) || !is_constant(node.input_value(1))) return false;
    const ov::Output<ov::Node> layer = node.input_value(0);
    return reading_.ids.contains(layer.get_node()) && layer.get_target_inputs().size() == 1 &&
           node.get_friendly_name() ==
               layer.get_node()->get_friendly_name() + std::string(kZeroPointSuffix);
  }

  void join_to_layer(ov::Node& node) {
    const NodeId layer = reading_.ids.at(node.get_input_node_ptr(0));
    reading_.ids.emplace(&node, layer);
    reading_.values[reading_.graph.node(layer).outputs[0]] = node.output(0);
  }

  void add(const std::shared_ptr<ov::Node>& node) {
    if (is_part_of_layer(*node)) return join_to_layer(*node);
    std::vector<ValueId> inputs;
    for (const auto& input : node->input_values()) inputs.push_back(input_value(input));
    const NodeId id =
        reading_.graph.add_node(names_.unique(node->get_friendly_name()), node->get_type_name(),
                                map_op(*node), std::move(inputs), read_attributes(*node));
    reading_.graph.nodes[id].owner = at_.owner;
    reading_.bodies.push_back(at_.index);
    reading_.nodes.push_back(node);
    reading_.ids.emplace(node.get(), id);
    for (const auto& output : node->outputs()) add_output(id, output);
    add_bodies(id, *node);
  }

  void add_output(NodeId id, const ov::Output<ov::Node>& output) {
    const auto& shape = output.get_partial_shape();
    reading_.graph.add_output(id, to_dtype(output.get_element_type()), to_shape(shape),
                              shape.rank().is_static());
    reading_.values.push_back(output);
  }

  void add_bodies(NodeId id, const ov::Node& node) {
    const auto* owner = dynamic_cast<const ov::op::util::MultiSubGraphOp*>(&node);
    if (!owner) return;
    for (const auto& body : owner->get_functions()) {
      if (ov::is_type<ov::op::v8::If>(&node)) {
        branches_.push_back({body.get(), id, static_cast<int>(index_of_branch(id)), at_.depth + 1});
        continue;
      }
      auto reading = std::make_shared<const Reading>(read_body(*body, at_.depth + 1));
      auto graph = std::shared_ptr<Graph>(reading, const_cast<Graph*>(&reading->graph));
      reading_.graph.nodes[id].bodies.push_back(std::move(graph));
    }
  }

  // How many branches of this If have been noted already.
  int64_t index_of_branch(NodeId id) const {
    return std::ranges::count(branches_, id, &Branch::owner);
  }

  ValueId input_value(const ov::Output<ov::Node>& output) {
    if (!is_constant(output)) return reading_.value_of(output);
    auto& ids = reading_.constant_ids[output.get_node()];
    ids.resize(std::max(ids.size(), output.get_index() + 1), kNone);
    ValueId& id = ids[output.get_index()];
    if (id == kNone) id = add_constant(output);
    return id;
  }

  ValueId add_constant(const ov::Output<ov::Node>& output) {
    reading_.values.push_back(output);
    return reading_.graph.add_constant(stored_constant(output)->get_friendly_name(),
                                       to_dtype(output.get_element_type()),
                                       to_shape(output.get_partial_shape()), make_constant(output));
  }

  std::vector<Branch> branches_;  // the model, then branches as they are met
  Branch at_{};
  std::vector<std::shared_ptr<ov::Node>> ordered_;  // of the branch that is being read
  Reading reading_;
  std::unordered_set<const ov::Node*> constants_, live_;
  UniqueNames names_;
};

Reading read_body(const ov::Model& model, int depth) { return Reader(model, depth).read(); }

}  // namespace

ValueId Reading::value_of(const ov::Output<ov::Node>& output) const {
  if (const auto it = ids.find(output.get_node()); it != ids.end())
    return graph.node(it->second).outputs[output.get_index()];
  const auto it = constant_ids.find(output.get_node());
  return it == constant_ids.end() || output.get_index() >= it->second.size()
             ? kNone
             : it->second[output.get_index()];
}

Reading read_graph(const ov::Model& model) { return read_body(model, 0); }

}  // namespace eightbit::openvino
