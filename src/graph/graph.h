// The neutral graph: what an algorithm sees of a model, whatever framework it came from.
//
// Invariants (checked by Graph::check):
//  - nodes are stored in a deterministic topological order; a node's id is its index; the same for
//    values;
//  - a value has at most one producer; a value without producer is a constant;
//  - the uses of a value are sorted by (node, port);
//  - constant subgraphs are folded by the reader: a node all of whose inputs are constants does not
//    appear; its result is a constant value, named after the *stored* constant behind it (through
//    Convert, Reshape, ...).
#pragma once

#include <eightbit/tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/indexed.h"
#include "graph/op_table.h"

namespace eightbit {

// Input `port` of `node`.
struct Use {
  NodeId node = kNone;
  int32_t port = 0;
  auto operator<=>(const Use&) const = default;
};

// A constant's bytes, loaded when asked for: mapped, shared or folded from a small subgraph.
struct Constant {
  std::function<Tensor()> load;  // the tensor as the consumer sees it (decompressed, reshaped)
  bool quantized = false;        // already behind a FakeQuantize or a dequantization chain
  // stored in a smaller float type than the consumer sees (f16 behind Convert)
  bool compressed = false;
};

struct Value {
  ValueId id = kNone;
  std::string name;
  NodeId producer = kNone;  // kNone: a constant
  int32_t port = 0;         // output port of the producer
  DType dtype = DType::undefined;
  Shape shape;  // -1: not known
  bool rank_known = true;
  bool channels_last = false;  // channels are on the last axis, and not on axis 1; see roles.h
  std::vector<Use> uses;
  std::shared_ptr<const Constant> constant;

  bool is_constant() const { return constant != nullptr; }
};

// What some ops need to know beyond their inputs. Fields that do not apply keep their defaults.
struct Attributes {
  bool transpose_a = false;
  bool transpose_b = false;
  std::vector<int64_t> strides, dilations, pads_begin, pads_end;  // convolutions and pools
  bool auto_pad = false;                                          // padding not explicit
  bool linear_before_reset = false;                               // GRU
  std::optional<int64_t> axis;                                    // concat, split, softmax, gather
  // interpolate that only copies elements
  bool nearest = false;
  bool channels_last = false;     // outputs have their channels on the last axis
  std::optional<int64_t> levels;  // fake_quantize
};

class Graph;

struct Node {
  NodeId id = kNone;
  std::string name;  // unique in the graph
  std::string type;  // the framework's own op type
  Op op = Op::unknown;
  std::vector<ValueId> inputs;  // kNone: not connected
  std::vector<ValueId> outputs;
  Attributes attributes;
  std::vector<std::shared_ptr<Graph>> bodies;  // Loop, TensorIterator
  NodeId owner = kNone;  // the If or loop in whose body this node is; kNone: none
};

class Graph {
 public:
  Indexed<NodeId, Node> nodes;
  Indexed<ValueId, Value> values;

  const Node& node(NodeId id) const { return nodes[id]; }
  const Value& value(ValueId id) const { return values[id]; }
  // What a node reads there; kNone where the input is open.
  ValueId input(Use use) const { return node(use.node).inputs[static_cast<size_t>(use.port)]; }

  // Building. Nodes must be added in topological order. Inputs may be kNone.
  ValueId add_constant(std::string name, DType dtype, Shape shape, Constant constant);
  NodeId add_node(std::string name, std::string type, Op op, std::vector<ValueId> inputs,
                  Attributes attributes = {});
  ValueId add_output(NodeId node, DType dtype, Shape shape, bool rank_known = true);

  // Producers of what a node reads, without duplicates, in id order.
  std::vector<NodeId> predecessors(NodeId node) const;
  NodeId find(const std::string& name) const;  // kNone when absent
  std::string use_name(Use use) const;         // "conv1:1"
  std::vector<std::string> use_names(const std::vector<Use>& uses) const;
  // the way back; nothing where there is no such input
  std::optional<Use> find_use(std::string_view name) const;

  // Throws InternalError when an invariant does not hold.
  void check() const;

 private:
  mutable std::map<std::string, NodeId> by_name_;
};

// One line a node: `name = Type(inputs) : dtype[shape] {attributes}`; bodies indented. Read back by
// parse_graph.
//   input = Parameter() : f32[1,3,224,224]
//   conv = Convolution(input, const f32[32,3,3,3]) : f32[1,32,112,112] {strides=2,2}
std::string to_text(const Graph& graph);

}  // namespace eightbit
