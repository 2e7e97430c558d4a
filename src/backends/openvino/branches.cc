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

// Of the same rank, for the CPU plugin wants to know it.
Output empty_like(const Output& value) {
  const ov::Shape shape(static_cast<size_t>(value.get_partial_shape().rank().get_length()), 0);
  return ov::op::v0::Constant::create(ov::element::f32, shape, std::vector<float>{});
}

Output out_of(const std::shared_ptr<ov::Node>& owner, int branch, const Output& value,
              const Output& otherwise) {
  const auto node = ov::as_type_ptr<ov::op::v8::If>(owner);
  EIGHTBIT_CHECK(node, "'{}' is no If", owner->get_friendly_name());
  const auto here = std::make_shared<ov::op::v0::Result>(value);
  const auto there = std::make_shared<ov::op::v0::Result>(otherwise);
  const auto& [then_result, else_result] =
      branch == 0 ? std::pair{here, there} : std::pair{there, here};
  node->get_then_body()->add_results({then_result});
  node->get_else_body()->add_results({else_result});
  return node->set_output(then_result, else_result);
}

// Through every If around the node. `otherwise` makes what the other branch gives.
template <typename Otherwise>
Output lead_out(Output value, NodeId node, const Copy& copy, const Reading& reading,
                Otherwise&& otherwise) {
  for (NodeId owner; node != kNone && (owner = reading.graph.node(node).owner) != kNone;
       node = owner)
    value = out_of(copy.nodes[owner], reading.bodies[node], value, otherwise());
  return value;
}

}  // namespace

Output out_of_branches(const Output& record, NodeId node, const Copy& copy,
                       const Reading& reading) {
  return lead_out(record, node, copy, reading, [&] {
    return unseen(static_cast<size_t>(record.get_partial_shape()[1].get_length()));
  });
}

Output value_out_of_branches(const Output& value, NodeId node, const Copy& copy,
                             const Reading& reading) {
  return lead_out(value, node, copy, reading, [&] { return empty_like(value); });
}

}  // namespace eightbit::openvino
