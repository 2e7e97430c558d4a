// The branches of If, opened: what they compute stands in the main graph, and the If chooses between results.
//
//   in a file                             opened
//   y = If(c) {                           x1 = Identity(x)         an entry: where a branch reads from outside
//     then { a = Conv(x, w) }             a = Conv(x1, w)
//     else { b = Relu(x) }                x2 = Identity(x), b = Relu(x2)
//   }                                     r1 = Identity(a), r2 = Identity(b)
//                                         y = If(c) { then { Identity(r1) } else { Identity(r2) } }
//
// The opened model is valid and means the same, so that whatever looks at nodes or rewrites them treats those of
// branches like all others. Constants are read directly, all other tensors through entries. Which branch a node belongs
// to follows from its readers, also for nodes that are added.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "backends/onnx/copy.h"
#include "backends/onnx/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

// Opens every If that is not in a body of Loop or Scan. Tensors of branches get names of their own. An If stays closed
// where it is not as the standard has it, or where Identity can not hand on what the model holds (sequences, in old
// versions of the operators).
void open_branches(ModelProto& model);

// The way back: nodes and initializers that one branch alone needs stand in it.
Content with_closed_branches(Content content);

bool is_open(const NodeProto& node);    // an If whose branches are open
bool is_entry(const NodeProto& node);

// The main graph or a branch.
struct Scope {
  int owner = kNone;     // index of the If
  int branch = 0;     // 0: then, 1: else
  int parent = kNone;    // the scope of the If
  int depth = 0;
};
struct Scopes {
  std::vector<Scope> all;                             // the main graph first
  std::vector<int> of_node;                           // by index; kNone: nobody reads it
  std::unordered_map<std::string, int> of_tensor;     // the innermost scope that holds all readers
};
// `graph` is sorted (sort.h).
Scopes scopes_of(const GraphProto& graph);

// Tensors that the branches of an open If yield, in order.
const std::string& result_of(const NodeProto& choice, int branch, int port);

// Lets the open If called `choice` yield one tensor more, of f32: `tensor` where `branch` is taken, else `otherwise`.
std::string add_result(Copy& copy, const std::string& choice, int branch, const std::string& tensor,
                       const std::string& otherwise);

}  // namespace eightbit::onnx
