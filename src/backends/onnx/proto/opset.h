// Newer versions of the standard operators: quantizers need them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

// Rank of a tensor, where it is known.
using RankOf = std::function<std::optional<int64_t>(const std::string& tensor)>;

// Respells every node, in bodies too, whose op changed on the way to `version`: attributes that
// became inputs, defaults that moved, Softmax over one axis instead of many. Does nothing when the
// model has that version already. Throws Unsupported naming a node for which there is no other
// spelling.
void lift_opset(ModelProto& model, int64_t version, const RankOf& rank_of);

}  // namespace eightbit::onnx
