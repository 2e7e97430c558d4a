// Bodies of control flow, opened: what they compute stands in the main graph, and the node that had
// them hands it on.
//
//   in a file                             opened
//   y = If(c) {                           x1 = Identity(x)    an entry: a body reads from outside
//     then { a = Conv(x, w) }             a = Conv(x1, w)
//     else { b = Relu(x) }                x2 = Identity(x), b = Relu(x2)
//   }                                     r1 = Identity(a), r2 = Identity(b)
//                                         y = If(c) { then { Identity(r1) } else { Identity(r2) } }
//   z = Loop(n, _, y) {                   h = Identity(y)     a state: what iteration 1 begins with
//     (i, c, h) -> t = MatMul(h, u)       t = MatMul(h, u), r3 = Identity(t)
//   }                                     z = Loop(n, _, y) { (i, c, h) -> Identity(r3) }
//
// The opened model is valid, and what it says of types holds, so that whatever looks at nodes or
// rewrites them treats those of bodies like all others. Constants are read directly, all other
// tensors through entries. Which body a node belongs to follows from its readers, also for nodes
// that are added.
//
// opening.h opens them, closing.h is the way back, scopes.h tells where a node belongs. What a node
// of the opened model stands for is kept in Content::marks.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "backends/onnx/proto/copy.h"
#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

inline bool is_open(const Marks& marks, const NodeProto& node) {
  return has_mark(marks, node, Mark::open);
}
inline bool is_entry(const Marks& marks, const NodeProto& node) {
  return has_mark(marks, node, Mark::entry);
}
inline bool is_state(const Marks& marks, const NodeProto& node) {
  return has_mark(marks, node, Mark::state);
}
inline bool is_aside(const Marks& marks, const NodeProto& node) {
  return has_mark(marks, node, Mark::aside);
}
bool repeats(const NodeProto& node);  // its body runs any number of times

// Body `index` of an If (0: then, 1: else), a Loop or a Scan; null where the node lacks it.
const GraphProto* body_of(const NodeProto& owner, int index);
GraphProto& body_of(NodeProto& owner, int index);  // which has it
int body_count(const NodeProto& owner);

// Behind the name of a state: the body's own input, while it is open.
inline constexpr std::string_view kInput = "/input";

// Tensors that a body of an open node yields; each comes out of an Identity in the main graph.
int result_count(const NodeProto& owner, int body);
const std::string& result_of(const NodeProto& owner, int body, int port);

// Tensors by the names that they get.
using Renamed = std::unordered_map<std::string, std::string>;
void rename(std::string& name, const Renamed& names);
// What a node reads, and bodies in it, unless they have a tensor of that name themselves.
void rename_reads(NodeProto& node, const Renamed& names);
// Inputs, initializers and outputs of nodes of the graph, not of bodies in it.
std::unordered_set<std::string> own_names(const GraphProto& graph);

NodeProto& add_identity(GraphProto& graph, const std::string& from, const std::string& to);

// Lets the open node called `owner` yield one tensor more, of f32 and of that shape (empty: not
// known). If: `tensor` where `body` is taken, else `otherwise`. Loop and Scan: `tensor` of all
// iterations, one behind the other along a new first axis.
std::string add_result(Copy& copy, const std::string& owner, int body, const std::string& tensor,
                       const std::string& otherwise, const Shape& shape = {});

}  // namespace eightbit::onnx
