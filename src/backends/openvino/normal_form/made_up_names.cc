#include "backends/openvino/normal_form/made_up_names.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <openvino/op/parameter.hpp>
#include <openvino/op/util/multi_subgraph_base.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace eightbit::openvino {
namespace {

// Behind the last underscore.
std::optional<uint64_t> number_of(std::string_view name) {
  const size_t at = name.rfind('_');
  if (at == std::string_view::npos || at + 1 == name.size()) return std::nullopt;
  uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [parsed, error] = std::from_chars(name.data() + at + 1, end, number);
  return error == std::errc() && parsed == end ? std::optional(number) : std::nullopt;
}

bool is_type(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
                              "xyz0123456789") == std::string_view::npos;
}

// TensorFlow names tensors after their nodes, which may be called MatMul_3.
bool names_a_tensor(const ov::Node& op) {
  const std::string& name = op.get_friendly_name();
  for (const auto& output : op.outputs())
    for (const std::string& tensor : output.get_names())
      if (tensor == name || tensor.starts_with(name + ":")) return true;
  return false;
}

// Passes hand the name of a node to the one that takes its place: the type need not be its own.
bool is_made_up(const std::string& name, uint64_t first, uint64_t end) {
  const auto number = number_of(name);
  return number && *number >= first && *number < end &&
         is_type(std::string_view(name).substr(0, name.rfind('_')));
}

class Renaming {
 public:
  Renaming(uint64_t first, uint64_t end) : first_(first), end_(end) {}

  void run(const ov::Model& model) {
    std::set<std::string> given;
    for (const auto& op : model.get_ops())
      if (!made_up(*op)) given.insert(op->get_friendly_name());
    for (const auto& op : model.get_ordered_ops()) {
      if (made_up(*op)) op->set_friendly_name(next(op->get_type_name(), given));
      if (const auto* owner = dynamic_cast<const ov::op::util::MultiSubGraphOp*>(op.get()))
        for (const auto& body : owner->get_functions()) run(*body);
    }
  }

 private:
  bool made_up(const ov::Node& op) const {
    return is_made_up(op.get_friendly_name(), first_, end_) && !names_a_tensor(op);
  }

  std::string next(const std::string& type, const std::set<std::string>& given) {
    std::string name;
    do name = fmt::format("{}_{}", type, ++counts_[type]);
    while (given.contains(name));
    return name;
  }

  uint64_t first_, end_;
  std::map<std::string, uint64_t> counts_;
};

}  // namespace

uint64_t next_node_number() {
  const ov::op::v0::Parameter probe(ov::element::f32, ov::PartialShape{});
  return number_of(probe.get_name()).value_or(0) + 1;
}

void rename_made_up(const ov::Model& model, uint64_t first) {
  Renaming(first, next_node_number()).run(model);
}

}  // namespace eightbit::openvino
