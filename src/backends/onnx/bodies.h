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
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "backends/onnx/ort/engine.h"
#include "backends/onnx/proto/copy.h"
#include "backends/onnx/proto/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

// Opens every If, Loop and Scan. Tensors of bodies get names of their own. A node stays closed
// where it is not as the standard has it, or where Identity can not hand on what the model holds
// (sequences, in old versions of the operators).
void open_bodies(ModelProto& model);

// The way back: nodes and initializers that one body alone needs stand in it.
Content with_closed_bodies(Content content);

bool is_open(const NodeProto& node);  // its bodies are open
bool repeats(const NodeProto& node);  // its body runs any number of times
bool is_entry(const NodeProto& node);
bool is_state(const NodeProto& node);  // an input of the body
bool is_aside(const NodeProto& node);  // there for the types alone

// The main graph or a body.
struct Scope {
  int owner = kNone;   // index of the node that has the body
  int body = 0;        // of If, 0: then, 1: else
  int parent = kNone;  // the scope of the owner
  int depth = 0;
};
struct Scopes {
  std::vector<Scope> all;                          // the main graph first
  std::vector<int> of_node;                        // by index; kNone: nobody reads it
  std::unordered_map<std::string, int> of_tensor;  // the innermost scope that holds all readers
};
// `graph` is sorted (sort.h).
Scopes scopes_of(const GraphProto& graph);

// Tensors that a body of an open node yields; each comes out of an Identity in the main graph.
int result_count(const NodeProto& owner, int body);
const std::string& result_of(const NodeProto& owner, int body, int port);

// Whether what Loop and Scan begin with has the shape of what they go on with, for all of their
// states.
bool keeps_shapes(const GraphProto& graph, const Scopes& scopes, int scope,
                  const TensorTypes& types);

// Lets the open node called `owner` yield one tensor more, of f32 and of that shape (empty: not
// known). If: `tensor` where `body` is taken, else `otherwise`. Loop and Scan: `tensor` of all
// iterations, one behind the other along a new first axis.
std::string add_result(Copy& copy, const std::string& owner, int body, const std::string& tensor,
                       const std::string& otherwise, const Shape& shape = {});

}  // namespace eightbit::onnx
