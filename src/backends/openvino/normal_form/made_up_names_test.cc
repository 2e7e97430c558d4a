#include "backends/openvino/normal_form/made_up_names.h"

#include <gtest/gtest.h>

#include "backends/openvino/test_models.h"

namespace eightbit::openvino {
namespace {

using namespace test;

// One Relu with a name, one without, and one that took over the name of a node that is gone.
std::shared_ptr<ov::Model> partly_named() {
  const auto input = parameter("input", {1, 4});
  const auto first = named(std::make_shared<op::Relu>(input), "Relu_2");
  first->output(0).set_names({"Relu_2:0"});
  const auto second = std::make_shared<op::Relu>(first);
  const auto gone = std::make_shared<op::Relu>(second);
  const auto third = named(std::make_shared<op::Relu>(second), gone->get_name());
  return std::make_shared<ov::Model>(ov::ResultVector{std::make_shared<op::Result>(third)},
                                     ov::ParameterVector{input});
}

std::vector<std::string> names_of(const ov::Model& model) {
  std::vector<std::string> names;
  for (const auto& node : model.get_ordered_ops()) names.push_back(node->get_friendly_name());
  return names;
}

std::vector<std::string> renamed() {
  const uint64_t first = next_node_number();
  const auto model = partly_named();
  rename_made_up(*model, first);
  return names_of(*model);
}

TEST(MadeUpNames, AreTheSameEachTime) {
  const std::vector<std::string> names = renamed();
  EXPECT_EQ(names, (std::vector<std::string>{"input", "Relu_2", "Relu_1", "Relu_3", "Result_1"}));
  EXPECT_EQ(renamed(), names);
}

TEST(MadeUpNames, NumbersOfEarlierModelsAreNames) {
  const auto model = partly_named();
  const std::vector<std::string> before = names_of(*model);
  rename_made_up(*model, next_node_number());
  EXPECT_EQ(names_of(*model), before);
}

}  // namespace
}  // namespace eightbit::openvino
