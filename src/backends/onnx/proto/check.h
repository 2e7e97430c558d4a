// What must hold of a model before anything else looks at it.
#pragma once

#include <string>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// A graph with outputs, a supported opset of the standard operators, every tensor yielded once and
// read only where it is there, no cycles. Brings the nodes of every graph into topological order.
// Throws ModelError naming node and op; `what` names the model.
void check_model(ModelProto& model, const std::string& what);

inline constexpr int64_t kOldestOpset = 7;
inline constexpr int64_t kNewestOpset = 26;

// Version of the standard operators.
int64_t opset_of(const ModelProto& model);

}  // namespace eightbit::onnx
