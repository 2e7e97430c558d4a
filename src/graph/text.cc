#include "graph/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace eightbit {
namespace {

bool plain_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("_./-+").find(c) != std::string_view::npos;
}

std::string in_quotes(std::string_view name) {
  if (!name.empty() && name != "_" && name != "const" && std::ranges::all_of(name, plain_character))
    return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// "PRelu" and "prelu", "MatMul" and "mat_mul" are the same op.
bool names_op(std::string_view type, std::string_view op) {
  const auto letters = [](std::string_view text) {
    std::string out;
    for (char c : text)
      if (c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  };
  return letters(type) == letters(op);
}

std::string tensor_text(const Value& value) {
  return std::string(to_string(value.dtype)) +
         (value.rank_known ? to_string(value.shape) : "[...]");
}

std::string attributes_text(const Attributes& a) {
  std::vector<std::string> parts;
  const auto list = [&](const char* name, const std::vector<int64_t>& v) {
    if (!v.empty()) parts.push_back(fmt::format("{}={}", name, fmt::join(v, ",")));
  };
  const auto flag = [&](const char* name, bool set) {
    if (set) parts.push_back(name);
  };
  list("strides", a.strides);
  list("dilations", a.dilations);
  list("pads_begin", a.pads_begin);
  list("pads_end", a.pads_end);
  flag("auto_pad", a.auto_pad);
  flag("transpose_a", a.transpose_a);
  flag("transpose_b", a.transpose_b);
  flag("linear_before_reset", a.linear_before_reset);
  flag("nearest", a.nearest);
  flag("channels_last", a.channels_last);
  if (a.levels) parts.push_back(fmt::format("levels={}", *a.levels));
  if (a.axis) parts.push_back(fmt::format("axis={}", *a.axis));
  return parts.empty() ? "" : fmt::format(" {{{}}}", fmt::join(parts, " "));
}

class Printer {
 public:
  explicit Printer(const Graph& graph, int indent)
      : graph_(graph), indent_(indent), declared_(graph.values.size()) {}

  std::string print() {
    for (const Node& node : graph_.nodes) print_node(node);
    return std::move(out_);
  }

 private:
  std::string constant_text(const Value& value, const Node& node, size_t port) {
    const bool again = declared_[value.id];
    if (again) return in_quotes(value.name);
    declared_[value.id] = true;
    const bool implied =
        value.uses.size() == 1 && value.name == fmt::format("{}.{}", node.name, port);
    return fmt::format("const {}{}{}{}", implied ? "" : in_quotes(value.name) + " ",
                       tensor_text(value), value.constant->quantized ? " quantized" : "",
                       value.constant->compressed ? " compressed" : "");
  }

  std::string input_text(const Node& node, size_t port) {
    if (node.inputs[port] == kNone) return "_";
    const Value& value = graph_.value(node.inputs[port]);
    if (value.is_constant()) return constant_text(value, node, port);
    const std::string producer = in_quotes(graph_.node(value.producer).name);
    return value.port == 0 ? producer : fmt::format("{}:{}", producer, value.port);
  }

  void print_node(const Node& node) {
    std::vector<std::string> inputs, outputs;
    for (size_t port = 0; port < node.inputs.size(); ++port)
      inputs.push_back(input_text(node, port));
    for (ValueId output : node.outputs) outputs.push_back(tensor_text(graph_.value(output)));
    const std::string type = in_quotes(node.type);
    const std::string_view op = row(node.op).name;
    out_ += fmt::format("{:{}}{} = {}{}({}){}{}{}\n", "", indent_, in_quotes(node.name), type,
                        names_op(node.type, op) ? "" : fmt::format("/{}", op),
                        fmt::join(inputs, ", "), outputs.empty() ? "" : " : ",
                        fmt::join(outputs, ", "), attributes_text(node.attributes));
    for (const auto& body : node.bodies)
      out_ += fmt::format("{:{}}body:\n{}", "", indent_ + 2, Printer(*body, indent_ + 4).print());
  }

  const Graph& graph_;
  int indent_;
  Indexed<ValueId, bool> declared_;
  std::string out_;
};

}  // namespace

std::string to_text(const Graph& graph) { return Printer(graph, 0).print(); }

}  // namespace eightbit
