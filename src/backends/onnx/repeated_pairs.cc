#include "backends/onnx/repeated_pairs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/onnx/model_file.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/graph_index.h"
#include "backends/onnx/proto/sort.h"

namespace eightbit::onnx {
namespace {

// Names of the scale and the zero point.
struct Levels {
  std::string scale, zero_point;
};

enum class Move { none, seen_through, opaque };

Move move_of(const NodeProto& node) {
  static const std::map<std::string_view, Move> table = {
      {"Reshape", Move::seen_through},   {"Squeeze", Move::seen_through},
      {"Unsqueeze", Move::seen_through}, {"Transpose", Move::seen_through},
      {"Slice", Move::seen_through},     {"MaxPool", Move::seen_through},
      {"Resize", Move::seen_through},    {"Split", Move::opaque},
      {"Concat", Move::opaque},          {"Flatten", Move::opaque},
      {"Gather", Move::opaque},          {"Pad", Move::opaque},
      {"Expand", Move::opaque},          {"Tile", Move::opaque},
      {"DepthToSpace", Move::opaque},    {"SpaceToDepth", Move::opaque}};
  const auto it = table.find(node.op_type());
  if (it == table.end() || !is_standard(node.domain())) return Move::none;
  if (node.op_type() == "Resize" && string_attribute(node, "mode", "nearest") != "nearest")
    return Move::none;
  const bool pads_a_number =
      node.op_type() == "Pad" && node.input_size() > 2 && !node.input(2).empty();
  return pads_a_number ? Move::none : it->second;
}

class Finder {
 public:
  explicit Finder(const Content& content) : content_(content), index_(content.model.graph()) {
    look_forward();
  }

  // What to repeat, by tensor.
  std::map<std::string, Levels> find() {
    std::map<std::string, Levels> found;
    for (const auto& node : index_.graph().node()) {
      if (move_of(node) != Move::opaque) continue;
      for (const auto& output : node.output())
        if (const auto levels = levels_.find(output); levels != levels_.end() && is_wanted(output))
          found.emplace(output, levels->second);
    }
    return found;
  }

  // By a quantized layer, at once or behind ops that move values.
  bool is_wanted(const std::string& tensor) {
    const auto [it, is_new] = wanted_.emplace(tensor, false);
    if (!is_new) return it->second;
    const bool wanted = std::ranges::any_of(index_.readers(tensor),
                                            [&](const InputRef& ref) { return wants(ref); });
    return wanted_[tensor] = wanted;
  }

  bool wants(const InputRef& ref) {
    if (ref.node == kNone) return false;
    const NodeProto& node = index_.node(ref.node);
    if (computes_in_integers(node, ref.port)) return true;
    return moves(node, ref.port) && std::ranges::any_of(node.output(), [&](const auto& output) {
             return is_wanted(output);
           });
  }

 private:
  static bool moves(const NodeProto& node, int port) {
    return move_of(node) != Move::none && (port == 0 || node.op_type() == "Concat");
  }

  bool computes_in_integers(const NodeProto& node, int port) const {
    const std::string& type = node.op_type();
    if (!is_standard(node.domain())) return false;
    if (type == "Conv" || type == "Gemm" || type == "MatMul")
      return port < 2 && is_dequantized(node.input(1 - port));
    return (type == "Add" || type == "Mul") && is_dequantized(node.input(1 - port)) &&
           is_quantized_behind(node);
  }

  bool is_dequantized(const std::string& tensor) const {
    if (levels_.contains(tensor)) return true;
    const int producer = index_.producer(tensor);
    return producer != kNone && index_.node(producer).op_type() == "DequantizeLinear";
  }

  bool is_quantized_behind(const NodeProto& node) const {
    const auto& readers = index_.readers(node.output(0));
    return !readers.empty() && std::ranges::all_of(readers, [&](const InputRef& ref) {
      return ref.node != kNone && index_.node(ref.node).op_type() == "QuantizeLinear";
    });
  }

  void look_forward() {
    for (const auto& node : index_.graph().node()) {
      std::optional<Levels> levels;
      if (node.op_type() == "DequantizeLinear")
        levels = levels_of(node);
      else if (move_of(node) != Move::none)
        levels = common_levels(node);
      if (!levels) continue;
      for (const auto& output : node.output()) levels_[output] = *levels;
    }
  }

  // Of an activation: one scale for all of it, in u8.
  std::optional<Levels> levels_of(const NodeProto& node) const {
    if (node.input_size() < 3 || index_.initializer(node.input(0))) return std::nullopt;
    const TensorProto* scale = index_.initializer(node.input(1));
    const TensorProto* zero_point = index_.initializer(node.input(2));
    if (!scale || !zero_point || scale->dims_size() != 0 ||
        zero_point->data_type() != TensorProto::UINT8)
      return std::nullopt;
    return Levels{node.input(1), node.input(2)};
  }

  std::optional<Levels> common_levels(const NodeProto& node) const {
    const int inputs = node.op_type() == "Concat" ? node.input_size() : 1;
    std::optional<Levels> common;
    for (int port = 0; port < inputs; ++port) {
      const auto it = levels_.find(node.input(port));
      if (it == levels_.end() || (common && !are_equal(*common, it->second))) return std::nullopt;
      common = it->second;
    }
    return common;
  }

  bool are_equal(const Levels& a, const Levels& b) const {
    return is_same(a.scale, b.scale) && is_same(a.zero_point, b.zero_point);
  }

  bool is_same(const std::string& a, const std::string& b) const {
    if (a == b) return true;
    const auto value = [this](const std::string& name) {
      return initializer_tensor(content_, *index_.initializer(name));
    };
    const Tensor x = value(a), y = value(b);
    return x.dtype == y.dtype && x.byte_size() == y.byte_size() &&
           std::equal(x.data, x.data + x.byte_size(), y.data);
  }

  const Content& content_;
  GraphIndex index_;
  std::unordered_map<std::string, Levels> levels_;
  std::unordered_map<std::string, bool> wanted_;
};

struct Repeat {
  std::string tensor;
  Levels levels;
  std::vector<InputRef> readers;
};

std::vector<Repeat> repeats(const Content& content) {
  Finder finder(content);
  const GraphIndex index(content.model.graph());
  std::vector<Repeat> out;
  for (const auto& [tensor, levels] : finder.find()) {
    Repeat repeat{tensor, levels, {}};
    for (const InputRef& ref : index.readers(tensor))
      if (finder.wants(ref)) repeat.readers.push_back(ref);
    out.push_back(std::move(repeat));
  }
  return out;
}

std::string add_linear(Copy& copy, const std::string& type, const std::string& input,
                       const Levels& levels, const std::string& name) {
  const std::string output = copy.new_name(name + "/" + type + "_output");
  copy.add_node(type, name + "/" + type, {input, levels.scale, levels.zero_point}, {output});
  return output;
}

}  // namespace

void repeat_pairs(Copy& copy) {
  GraphProto& graph = *copy.content.model.mutable_graph();
  const auto found = repeats(copy.content);
  if (found.empty()) return;
  for (const Repeat& repeat : found) {
    const std::string name = repeat.tensor + "/again";
    const std::string integers =
        add_linear(copy, "QuantizeLinear", repeat.tensor, repeat.levels, name);
    const std::string floats = add_linear(copy, "DequantizeLinear", integers, repeat.levels, name);
    for (const InputRef& ref : repeat.readers)
      graph.mutable_node(ref.node)->set_input(ref.port, floats);
  }
  sort_nodes(graph);
}

}  // namespace eightbit::onnx
