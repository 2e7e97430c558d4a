// What an op is once its inputs are known. A reader maps names; what the same name means for
// different inputs is settled here, once for all frameworks, by every reader at its end.
#pragma once

#include "graph/graph.h"

namespace eightbit {

// What a framework's names leave open.
struct Settling {
  // A division by a constant is a product, and a subtraction of one is a sum.
  bool by_constant = true;
  // A gather from a float constant looks up rows of a table: an embedding.
  bool look_ups = true;
};

// Changes ops and attributes in place:
//  - divide and subtract with a constant at port 1 become multiply and add,
//  - a gather from a float constant becomes an embedding,
//  - a group_convolution whose groups have one input channel each becomes depthwise,
//  - an axis is counted from the front, where the rank of input 0 is known.
void settle(Graph& graph, const Settling& settling = {});

}  // namespace eightbit
