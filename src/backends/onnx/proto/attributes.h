// Attributes of a node, with their defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

const AttributeProto* find_attribute(const NodeProto& node, std::string_view name);
int64_t int_attribute(const NodeProto& node, std::string_view name, int64_t otherwise);
std::optional<int64_t> int_attribute(const NodeProto& node, std::string_view name);
float float_attribute(const NodeProto& node, std::string_view name, float otherwise);
std::string string_attribute(const NodeProto& node, std::string_view name,
                             std::string_view otherwise);
std::vector<int64_t> ints_attribute(const NodeProto& node, std::string_view name);

void set_attribute(NodeProto& node, const std::string& name, int64_t value);
void set_attribute(NodeProto& node, const std::string& name, const std::vector<int64_t>& values);
void remove_attribute(NodeProto& node, std::string_view name);

// Bodies of control flow, in the order of their attributes.
std::vector<const GraphProto*> bodies_of(const NodeProto& node);
std::vector<GraphProto*> bodies_of(NodeProto& node);

// The standard operators have an empty domain or "ai.onnx".
bool is_standard(std::string_view domain);

// Names of tensors from outside that a body, or a body in it, reads.
std::vector<std::string> outer_tensors(const GraphProto& body);

}  // namespace eightbit::onnx
