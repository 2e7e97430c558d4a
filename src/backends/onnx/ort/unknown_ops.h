// Ops that ONNX Runtime does not know: those of the user's own library, of another runtime, or of a
// newer standard.
#pragma once

#include <string>
#include <string_view>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// The node that ONNX Runtime's refusal is about, where it is one of an op that it does not know;
// else null.
const NodeProto* unknown_node(const GraphProto& graph, std::string_view cause);

// "node 'name' is of type T of the domain 'd', which ... What to do."
std::string about_unknown(const NodeProto& node);

// Takes the nodes of main graph that are of the same op, or hold one in a body, out of the graph:
// what they yield becomes inputs.
void open_at(GraphProto& graph, const NodeProto& unknown);

}  // namespace eightbit::onnx
