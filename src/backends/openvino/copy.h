// A copy of a model to be rewritten, with the way from the graph's ids to the copy's objects.
#pragma once

#include <functional>
#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "backends/openvino/reader.h"

namespace eightbit::openvino {

struct Copy {
  std::shared_ptr<ov::Model> model;  // constants are shared with the original
  Indexed<NodeId, std::shared_ptr<ov::Node>> nodes;
  // The value itself, in front of any quantizer or scale. A bias that was added as a
  // new node counts as part of the value.
  Indexed<ValueId, ov::Output<ov::Node>> values;
};

Copy copy_model(const ov::Model& model, const Reading& reading);

// Puts insert(source) between each source and those of `inputs` that read it: one call for each
// distinct source. The names of model outputs move along.
void insert_between(const std::vector<ov::Input<ov::Node>>& inputs,
                    const std::function<ov::Output<ov::Node>(const ov::Output<ov::Node>&)>& insert);

std::vector<ov::Input<ov::Node>> inputs_of(const Copy& copy, const std::vector<Use>& uses);

}  // namespace eightbit::openvino
