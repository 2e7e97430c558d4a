#include "backends/openvino/branches.h"

#include <openvino/op/constant.hpp>
#include <openvino/op/if.hpp>
#include <openvino/op/result.hpp>
#include <vector>

#include "base/error.h"
#include "records/unseen.h"

namespace eightbit::openvino {
namespace {

using Output = ov::Output<ov::Node>;

Output unseen(size_t size) {
  std::vector<float> record(size, 0.0f);
  record.back() = kUnseen;
  return ov::op::v0::Constant::create(ov::element::f32, {1, size}, record);
}

Output empty_tensor() { return ov::op::v0::Constant::create(ov::element::f32, {0}, std::vector<float>{}); }

Output out_of(const std::shared_ptr<ov::Node>& owner, int branch, const Output& value, const Output& otherwise) {
  const auto node = ov::as_type_ptr<ov::op::v8::If>(owner);
  EIGHTBIT_CHECK(node, "'{}' is no If", owner->get_friendly_name());
  const auto here = std::make_shared<ov::op::v0::Result>(value);
  const auto there = std::make_shared<ov::op::v0::Result>(otherwise);
  const auto& [then_result, else_result] = branch == 0 ? std::pair{here, there} : std::pair{there, here};
  node->get_then_body()->add_results({then_result});
  node->get_else_body()->add_results({else_result});
  return node->set_output(then_result, else_result);
}

// Through every If around the node. `otherwise` makes what the other branch gives.
template <typename Otherwise>
Output carry_out(Output value, NodeId node, const Copy& copy, const Reading& reading, Otherwise&& otherwise) {
  for (NodeId owner; node != kNone && (owner = reading.graph.node(node).owner) != kNone; node = owner)
    value = out_of(copy.nodes[static_cast<size_t>(owner)], reading.branches[static_cast<size_t>(node)], value, otherwise());
  return value;
}

}  // namespace

Output out_of_branches(const Output& record, NodeId node, const Copy& copy, const Reading& reading) {
  return carry_out(record, node, copy, reading, [size = record.get_shape().at(1)] { return unseen(size); });
}

Output value_out_of_branches(const Output& value, NodeId node, const Copy& copy, const Reading& reading) {
  return carry_out(value, node, copy, reading, empty_tensor);
}

}  // namespace eightbit::openvino
