// Records from inside the branches of If.
#pragma once

#include "backends/openvino/copy.h"

namespace eightbit::openvino {

// `record`, f32 [1, size], of `node` in `copy`, as an output of the model that holds its If, or the
// If around that: an output of each is added, which is unseen (records/unseen.h) where the other
// branch runs. A node outside of branches gives `record` back.
ov::Output<ov::Node> out_of_branches(const ov::Output<ov::Node>& record, NodeId node,
                                     const Copy& copy, const Reading& reading);

// The same for a tensor, which is empty where the other branch runs.
ov::Output<ov::Node> value_out_of_branches(const ov::Output<ov::Node>& value, NodeId node,
                                           const Copy& copy, const Reading& reading);

}  // namespace eightbit::openvino
