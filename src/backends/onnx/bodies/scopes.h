// Which body of an opened model (bodies.h) each node and tensor belongs to.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "backends/onnx/ort/engine.h"
#include "backends/onnx/proto/proto.h"
#include "graph/graph.h"

namespace eightbit::onnx {

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
// The main graph of `content` is sorted (sort.h).
Scopes scopes_of(const Content& content);

// Whether what Loop and Scan begin with has the shape of what they go on with, for all of their
// states.
bool keeps_shapes(const GraphProto& graph, const Scopes& scopes, int scope,
                  const TensorTypes& types);

}  // namespace eightbit::onnx
