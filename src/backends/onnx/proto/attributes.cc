#include "backends/onnx/proto/attributes.h"

#include <algorithm>
#include <unordered_set>

namespace eightbit::onnx {
namespace {

AttributeProto& clean_attribute(NodeProto& node, const std::string& name) {
  remove_attribute(node, name);
  AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  return attribute;
}

bool holds_graph(const AttributeProto& attribute) {
  return attribute.type() == AttributeProto::GRAPH ||
         (attribute.type() == AttributeProto::UNDEFINED && attribute.has_g());
}

}  // namespace

const AttributeProto* find_attribute(const NodeProto& node, std::string_view name) {
  const auto it = std::ranges::find(node.attribute(), name,
                                    [](const auto& a) -> std::string_view { return a.name(); });
  return it == node.attribute().end() ? nullptr : &*it;
}

std::optional<int64_t> int_attribute(const NodeProto& node, std::string_view name) {
  const auto* attribute = find_attribute(node, name);
  return attribute ? std::optional(attribute->i()) : std::nullopt;
}

int64_t int_attribute(const NodeProto& node, std::string_view name, int64_t otherwise) {
  return int_attribute(node, name).value_or(otherwise);
}

float float_attribute(const NodeProto& node, std::string_view name, float otherwise) {
  const auto* attribute = find_attribute(node, name);
  return attribute ? attribute->f() : otherwise;
}

std::string string_attribute(const NodeProto& node, std::string_view name,
                             std::string_view otherwise) {
  const auto* attribute = find_attribute(node, name);
  return attribute ? attribute->s() : std::string(otherwise);
}

std::vector<int64_t> ints_attribute(const NodeProto& node, std::string_view name) {
  const auto* attribute = find_attribute(node, name);
  if (!attribute) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

void set_attribute(NodeProto& node, const std::string& name, int64_t value) {
  AttributeProto& attribute = clean_attribute(node, name);
  attribute.set_type(AttributeProto::INT);
  attribute.set_i(value);
}

void set_attribute(NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
  AttributeProto& attribute = clean_attribute(node, name);
  attribute.set_type(AttributeProto::INTS);
  attribute.mutable_ints()->Assign(values.begin(), values.end());
}

void remove_attribute(NodeProto& node, std::string_view name) {
  auto& all = *node.mutable_attribute();
  all.erase(std::remove_if(all.begin(), all.end(), [&](const auto& a) { return a.name() == name; }),
            all.end());
}

std::vector<const GraphProto*> bodies_of(const NodeProto& node) {
  std::vector<const GraphProto*> bodies;
  for (const auto& attribute : node.attribute()) {
    if (holds_graph(attribute)) bodies.push_back(&attribute.g());
    for (const auto& body : attribute.graphs()) bodies.push_back(&body);
  }
  return bodies;
}

std::vector<GraphProto*> bodies_of(NodeProto& node) {
  std::vector<GraphProto*> bodies;
  for (auto& attribute : *node.mutable_attribute()) {
    if (holds_graph(attribute)) bodies.push_back(attribute.mutable_g());
    for (auto& body : *attribute.mutable_graphs()) bodies.push_back(&body);
  }
  return bodies;
}

bool is_standard(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

std::vector<std::string> outer_tensors(const GraphProto& body) {
  std::unordered_set<std::string> own, seen;
  std::vector<std::string> outer;
  for (const auto& input : body.input()) own.insert(input.name());
  for (const auto& initializer : body.initializer()) own.insert(initializer.name());
  for (const auto& node : body.node()) own.insert(node.output().begin(), node.output().end());
  const auto read = [&](const std::string& name) {
    if (!name.empty() && !own.contains(name) && seen.insert(name).second) outer.push_back(name);
  };
  for (const auto& node : body.node()) {
    for (const auto& name : node.input()) read(name);
    for (const auto* inner : bodies_of(node))
      for (const auto& name : outer_tensors(*inner)) read(name);
  }
  for (const auto& output : body.output()) read(output.name());
  return outer;
}

}  // namespace eightbit::onnx
