// Found from the one node that makes them what they are (Erf, Div by Sqrt, Mul with its own input
// ...):
//   MVN      (x - mean(x)) / sqrt(mean((x - mean(x))^2) + e)
//   HSigmoid clip(x + 3, 0, 6) / 6
//   HSwish   x * clip(x + 3, 0, 6) / 6, or x * HardSigmoid(x) with alpha 1/6 and beta 1/2
//   Swish    x * sigmoid(x), or x * sigmoid(x * number)
//   Mish     x * tanh(softplus(x))
//   Gelu     x * (1 + erf(x / sqrt(2))) / 2, in three orders
//   ScaledDotProductAttention  softmax(q * transpose(k)) * v, without a mask
#include "backends/onnx/composites.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "backends/onnx/proto/attributes.h"

namespace eightbit::onnx {
namespace {

bool near(std::optional<float> value, float wanted) {
  return value && std::fabs(*value - wanted) <= 1e-3f * std::max(1.0f, std::fabs(wanted));
}

class Finder {
 public:
  Finder(const GraphIndex& index, const ScalarOf& scalar_of)
      : index_(index), scalar_of_(scalar_of) {}

  std::vector<Composite> find() {
    for (int i = 0; i < index_.graph().node_size(); ++i) {
      const NodeProto& node = index_.node(i);
      if (!is_standard(node.domain())) continue;
      const std::string& type = node.op_type();
      if (type == "Erf") gelu(i);
      if (type == "Div" && !hard_swish_by_division(i)) mvn(i);
      if (type == "Mul") product(i);
      if (type == "Softmax") attention(i);
    }
    hard_sigmoids();
    return std::move(found_);
  }

 private:
  // The node that yields a tensor, if it is of that type.
  int by(const std::string& tensor, std::string_view type) const {
    const int node = index_.producer(tensor);
    return node != kNone && index_.node(node).op_type() == type &&
                   is_standard(index_.node(node).domain())
               ? node
               : kNone;
  }
  const std::string& in(int node, int port) const { return index_.node(node).input(port); }
  const std::string& out(int node) const { return index_.node(node).output(0); }

  // The operand of a binary node that is no constant, where the other is this number; -1 where it
  // is not so.
  int port_beside(int node, float number) const {
    if (index_.node(node).input_size() != 2) return -1;
    if (near(scalar_of_(in(node, 1)), number)) return 0;
    const bool commutes = index_.node(node).op_type() != "Div";
    return commutes && near(scalar_of_(in(node, 0)), number) ? 1 : -1;
  }
  // The other operand of a Mul; -1 where `tensor` is no operand.
  int other_port(int mul, const std::string& tensor) const {
    if (in(mul, 0) == tensor) return 1;
    return in(mul, 1) == tensor ? 0 : -1;
  }

  bool closed(const std::vector<int>& nodes) const {
    const std::set<int> inside(nodes.begin(), nodes.end());
    for (size_t i = 0; i + 1 < nodes.size(); ++i)
      for (const auto& output : index_.node(nodes[i]).output()) {
        if (index_.read_by_bodies(output)) return false;
        for (const auto& reader : index_.readers(output))
          if (!inside.contains(reader.node)) return false;
      }
    return true;
  }

  bool add(Op op, std::string type, std::vector<int> nodes, std::vector<InputRef> input) {
    std::ranges::sort(input);
    return add_many(op, std::move(type), std::move(nodes), {std::move(input)});
  }

  bool add_many(Op op, std::string type, std::vector<int> nodes,
                std::vector<std::vector<InputRef>> inputs) {
    if (!closed(nodes) ||
        std::ranges::any_of(nodes, [&](int node) { return taken_.contains(node); }))
      return false;
    taken_.insert(nodes.begin(), nodes.end());
    found_.push_back({op, std::move(type), std::move(nodes), std::move(inputs)});
    return true;
  }

  // x -> x / sqrt(2) -> erf -> + 1 -> the rest.
  void gelu(int erf) {
    const int inner = index_.producer(in(erf, 0));
    if (inner == kNone) return;
    const bool divides = index_.node(inner).op_type() == "Div";
    if (!divides && index_.node(inner).op_type() != "Mul") return;
    const int x_port = port_beside(inner, divides ? std::sqrt(2.0f) : std::sqrt(0.5f));
    if (x_port < 0) return;
    const std::string& x = in(inner, x_port);
    const int plus = index_.only_reader(out(erf));
    if (plus == kNone || index_.node(plus).op_type() != "Add" || port_beside(plus, 1.0f) < 0)
      return;
    const int mul = index_.only_reader(out(plus));
    if (mul == kNone || index_.node(mul).op_type() != "Mul") return;
    const InputRef first{inner, x_port};
    if (const int port = other_port(mul, out(plus)); in(mul, port) == x) {
      const int half = index_.only_reader(out(mul));
      if (half != kNone && is_half(half))
        add(Op::gelu, "Gelu", {inner, erf, plus, mul, half}, {first, {mul, port}});
    } else if (port_beside(mul, 0.5f) >= 0) {
      const int last = index_.only_reader(out(mul));
      if (last == kNone || index_.node(last).op_type() != "Mul") return;
      if (const int other = other_port(last, out(mul)); in(last, other) == x)
        add(Op::gelu, "Gelu", {inner, erf, plus, mul, last}, {first, {last, other}});
    } else if (const int half = by(in(mul, port), "Mul"); half != kNone) {
      const int beside = port_beside(half, 0.5f);
      if (beside >= 0 && in(half, beside) == x)
        add(Op::gelu, "Gelu", {inner, erf, plus, half, mul}, {first, {half, beside}});
    }
  }

  static bool turns_last_axes(const std::vector<int64_t>& perm) {
    for (size_t i = 0; i < perm.size(); ++i) {
      const size_t wanted = i + 2 < perm.size() ? i : i + 2 == perm.size() ? i + 1 : i - 1;
      if (perm[i] != static_cast<int64_t>(wanted)) return false;
    }
    return perm.size() >= 3;
  }

  void attention(int softmax) {
    const int scores = by(in(softmax, 0), "MatMul");
    const int turned = scores == kNone ? kNone : by(in(scores, 1), "Transpose");
    if (turned == kNone) return;
    const auto perm = ints_attribute(index_.node(turned), "perm");
    const int64_t axis = int_attribute(index_.node(softmax), "axis", -1);
    if (!turns_last_axes(perm) || (axis != -1 && axis != static_cast<int64_t>(perm.size()) - 1))
      return;
    const int last = index_.only_reader(out(softmax));
    if (last == kNone || index_.node(last).op_type() != "MatMul" || in(last, 0) != out(softmax))
      return;
    add_many(Op::scaled_dot_product_attention, "ScaledDotProductAttention",
             {turned, scores, softmax, last}, {{{scores, 0}}, {{turned, 0}}, {{last, 1}}});
  }

  bool is_half(int node) const {
    const std::string& type = index_.node(node).op_type();
    return (type == "Mul" && port_beside(node, 0.5f) >= 0) ||
           (type == "Div" && port_beside(node, 2.0f) >= 0);
  }

  void mvn(int div) {
    const int root = by(in(div, 1), "Sqrt"), centered = by(in(div, 0), "Sub");
    if (root == kNone || centered == kNone) return;
    const int plus = by(in(root, 0), "Add");
    if (plus == kNone) return;
    const int variance_port = scalar_of_(in(plus, 1)) ? 0 : scalar_of_(in(plus, 0)) ? 1 : -1;
    const int variance = variance_port < 0 ? kNone : by(in(plus, variance_port), "ReduceMean");
    const int mean = by(in(centered, 1), "ReduceMean");
    if (variance == kNone || mean == kNone || in(mean, 0) != in(centered, 0)) return;
    const int square = index_.producer(in(variance, 0));
    if (square == kNone || in(square, 0) != out(centered)) return;
    const std::string& type = index_.node(square).op_type();
    const bool squares = (type == "Pow" && near(scalar_of_(in(square, 1)), 2.0f)) ||
                         (type == "Mul" && in(square, 1) == out(centered));
    if (squares)
      add(Op::mvn, "MVN", {mean, centered, square, variance, plus, root, div},
          {{mean, 0}, {centered, 0}});
  }

  bool clips_to(int clip, float low, float high) const {
    const NodeProto& node = index_.node(clip);
    if (node.input_size() >= 3)
      return near(scalar_of_(in(clip, 1)), low) && near(scalar_of_(in(clip, 2)), high);
    return near(float_attribute(node, "min", NAN), low) &&
           near(float_attribute(node, "max", NAN), high);
  }

  // clip(x + 3, 0, 6): the two nodes and where they read x.
  struct Ramp {
    int plus = kNone, clip = kNone, port = -1;
  };
  Ramp ramp(const std::string& tensor) const {
    Ramp r{kNone, by(tensor, "Clip"), -1};
    if (r.clip == kNone || !clips_to(r.clip, 0.0f, 6.0f)) return {};
    r.plus = by(in(r.clip, 0), "Add");
    r.port = r.plus == kNone ? -1 : port_beside(r.plus, 3.0f);
    return r.port < 0 ? Ramp{} : r;
  }

  // (x * ramp) / 6 and (x * ramp) * (1 / 6).
  bool hard_swish_by_division(int last) {
    const bool divides = index_.node(last).op_type() == "Div";
    const int port = port_beside(last, divides ? 6.0f : 1.0f / 6.0f);
    const int mul = port < 0 ? kNone : by(in(last, port), "Mul");
    if (mul == kNone) return false;
    for (int side : {0, 1}) {
      const Ramp r = ramp(in(mul, side));
      if (r.plus != kNone && in(r.plus, r.port) == in(mul, 1 - side))
        return add(Op::hswish, "HSwish", {r.plus, r.clip, mul, last},
                   {{r.plus, r.port}, {mul, 1 - side}});
    }
    return false;
  }

  // ramp / 6 as a node.
  struct Gate {
    std::vector<int> nodes;
    InputRef input;
  };
  std::optional<Gate> gate(int scale) const {
    const std::string& type = index_.node(scale).op_type();
    if (type != "Div" && type != "Mul") return std::nullopt;
    const int port = port_beside(scale, type == "Div" ? 6.0f : 1.0f / 6.0f);
    if (port < 0) return std::nullopt;
    const Ramp r = ramp(in(scale, port));
    if (r.plus == kNone) return std::nullopt;
    return Gate{{r.plus, r.clip, scale}, {r.plus, r.port}};
  }

  // x times a gate of x.
  void product(int mul) {
    if (hard_swish_by_division(mul)) return;
    for (int side : {0, 1}) {
      const std::string& x = in(mul, 1 - side);
      const int last = index_.producer(in(mul, side));
      if (last == kNone) continue;
      const InputRef direct{mul, 1 - side};
      const NodeProto& node = index_.node(last);
      if (node.op_type() == "Sigmoid" && swish(last, mul, direct)) return;
      if (node.op_type() == "HardSigmoid" && in(last, 0) == x &&
          near(float_attribute(node, "alpha", 0.2f), 1 / 6.0f) &&
          near(float_attribute(node, "beta", 0.5f), 0.5f))
        return void(add(Op::hswish, "HSwish", {last, mul}, {{last, 0}, direct}));
      if (node.op_type() == "Tanh")
        if (const int soft = by(in(last, 0), "Softplus"); soft != kNone && in(soft, 0) == x)
          return void(add(Op::mish, "Mish", {soft, last, mul}, {{soft, 0}, direct}));
      if (const auto g = gate(last); g && in(g->input.node, g->input.port) == x)
        return void(
            add(Op::hswish, "HSwish", {g->nodes[0], g->nodes[1], last, mul}, {g->input, direct}));
    }
  }

  bool swish(int sigmoid, int mul, InputRef direct) {
    const std::string& x = in(direct.node, direct.port);
    if (in(sigmoid, 0) == x) return add(Op::swish, "Swish", {sigmoid, mul}, {{sigmoid, 0}, direct});
    const int scale = by(in(sigmoid, 0), "Mul");
    const int port = scale == kNone ? -1 : other_port(scale, x) == 1 ? 0 : 1;
    if (port < 0 || in(scale, port) != x || !scalar_of_(in(scale, 1 - port))) return false;
    return add(Op::swish, "Swish", {scale, sigmoid, mul}, {{scale, port}, direct});
  }

  // What is left of them when the products have been found.
  void hard_sigmoids() {
    for (int i = 0; i < index_.graph().node_size(); ++i)
      if (is_standard(index_.node(i).domain()))
        if (const auto g = gate(i)) add(Op::hsigmoid, "HSigmoid", g->nodes, {g->input});
  }

  const GraphIndex& index_;
  const ScalarOf& scalar_of_;
  std::set<int> taken_;
  std::vector<Composite> found_;
};

}  // namespace

std::vector<Composite> find_composites(const GraphIndex& index, const ScalarOf& scalar_of) {
  return Finder(index, scalar_of).find();
}

}  // namespace eightbit::onnx
