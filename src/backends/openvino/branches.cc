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

Output out_of(const std::shared_ptr<ov::Node>& owner, int branch, const Output& record) {
  const auto node = ov::as_type_ptr<ov::op::v8::If>(owner);
  EIGHTBIT_CHECK(node, "'{}' is no If", owner->get_friendly_name());
  const auto here = std::make_shared<ov::op::v0::Result>(record);
  const auto there = std::make_shared<ov::op::v0::Result>(unseen(record.get_shape().at(1)));
  const auto& [then_result, else_result] = branch == 0 ? std::pair{here, there} : std::pair{there, here};
  node->get_then_body()->add_results({then_result});
  node->get_else_body()->add_results({else_result});
  return node->set_output(then_result, else_result);
}

}  // namespace

Output out_of_branches(const Output& record, NodeId node, const Copy& copy, const Reading& reading) {
  Output out = record;
  for (NodeId owner; (owner = reading.graph.node(node).owner) != kNone; node = owner)
    out = out_of(copy.nodes[static_cast<size_t>(owner)], reading.branches[static_cast<size_t>(node)], out);
  return out;
}

}  // namespace eightbit::openvino
