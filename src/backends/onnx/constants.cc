#include "backends/onnx/constants.h"

#include <algorithm>
#include <array>
#include <set>

#include "backends/onnx/bodies/bodies.h"
#include "backends/onnx/model_file.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "base/spill.h"

namespace eightbit::onnx {
namespace {

constexpr std::array<std::string_view, 6> kRandom = {"RandomNormal",     "RandomUniform",
                                                     "RandomNormalLike", "RandomUniformLike",
                                                     "Multinomial",      "Bernoulli"};

bool is_constant_node(const NodeProto& node) {
  return node.op_type() == "Constant" && is_standard(node.domain());
}

bool is_fully_known(const TensorType& type) {
  return type.rank_known &&
         std::ranges::all_of(type.shape, [](int64_t extent) { return extent >= 0; });
}

uint64_t elements(const Shape& shape) {
  uint64_t count = 1;
  for (int64_t extent : shape) count *= static_cast<uint64_t>(std::max<int64_t>(extent, 0));
  return count;
}

uint64_t elements(const TensorProto& proto) {
  return elements(Shape(proto.dims().begin(), proto.dims().end()));
}

bool is_shape_of_known(const NodeProto& node, const TensorTypes& types) {
  if (node.op_type() != "Shape" || !is_standard(node.domain()) || node.attribute_size() > 0)
    return false;
  const auto it = types.find(node.input(0));
  return it != types.end() && is_fully_known(it->second);
}

Tensor shape_tensor(const Shape& shape) {
  Tensor tensor = Tensor::allocate(DType::i64, {static_cast<int64_t>(shape.size())});
  std::ranges::copy(shape, reinterpret_cast<int64_t*>(tensor.mutable_data()));
  return tensor;
}

}  // namespace

Constants::Constants(const Content& content, const TensorTypes& types)
    : content_(content), types_(types), index_(content.model.graph()) {
  const GraphProto& graph = content.model.graph();
  for (const auto& initializer : graph.initializer()) {
    constants_.insert(initializer.name());
    sizes_[initializer.name()] = elements(initializer);
  }
  for (const auto& node : graph.node()) {
    if (!is_foldable(node)) continue;
    uint64_t size = 0;
    for (const auto& input : node.input())
      if (const auto it = sizes_.find(input); it != sizes_.end()) size = std::max(size, it->second);
    if (const auto* value = find_attribute(node, "value");
        is_constant_node(node) && value && value->has_t())
      size = elements(value->t());
    for (const auto& output : node.output()) {
      constants_.insert(output);
      sizes_[output] = size;
    }
  }
}

bool Constants::is_foldable(const NodeProto& node) const {
  if (node.output_size() == 0 || std::ranges::find(kRandom, node.op_type()) != kRandom.end())
    return false;
  if (is_state(content_.marks, node)) return false;  // it changes
  if (is_constant_node(node) || is_shape_of_known(node, types_)) return true;
  if (node.input_size() == 0 || !bodies_of(const_cast<const NodeProto&>(node)).empty())
    return false;
  return std::ranges::all_of(
      node.input(), [&](const auto& input) { return input.empty() || constants_.contains(input); });
}

const std::string* Constants::largest_input(const NodeProto& node) const {
  const std::string* best = nullptr;
  for (const auto& input : node.input())
    if (!input.empty() && constants_.contains(input) &&
        (!best || sizes_.at(input) > sizes_.at(*best)))
      best = &input;
  return best;
}

std::string Constants::stored(const std::string& tensor) const {
  std::string at = tensor;
  for (int node = index_.producer(at); node != kNone; node = index_.producer(at)) {
    const std::string* next = largest_input(index_.node(node));
    if (!next) break;
    at = *next;
  }
  return at;
}

bool Constants::dequantized(const std::string& tensor) const {
  std::string at = tensor;
  for (int node = index_.producer(at); node != kNone; node = index_.producer(at)) {
    if (index_.node(node).op_type() == "DequantizeLinear") return true;
    const std::string* next = largest_input(index_.node(node));
    if (!next) break;
    at = *next;
  }
  return false;
}

bool Constants::compressed(const std::string& tensor) const {
  const std::string name = stored(tensor);
  if (name == tensor) return false;
  const auto* initializer = index_.initializer(name);
  return initializer && (initializer->data_type() == TensorProto::FLOAT16 ||
                         initializer->data_type() == TensorProto::BFLOAT16);
}

bool Constants::find_stored(const std::string& tensor, Tensor& out) const {
  if (const auto* initializer = index_.initializer(tensor)) {
    out = initializer_tensor(content_, *initializer);
    return true;
  }
  const int producer = index_.producer(tensor);
  if (producer == kNone) return false;
  const NodeProto& node = index_.node(producer);
  if (is_shape_of_known(node, types_)) {
    out = shape_tensor(types_.at(node.input(0)).shape);
    return true;
  }
  const auto* value = find_attribute(node, "value");
  if (!is_constant_node(node) || !value || !value->has_t()) return false;
  const auto copy = std::make_shared<const TensorProto>(value->t());
  out = to_tensor(*copy, copy);
  return true;
}

Tensor Constants::value(const std::string& tensor) const {
  EIGHTBIT_CHECK(contains(tensor), "'{}' is no constant", tensor);
  Tensor out;
  if (find_stored(tensor, out)) return out;
  compute({tensor});
  const std::scoped_lock lock(mutex_);
  return computed_.at(tensor);
}

void Constants::compute(const std::vector<std::string>& tensors) const {
  std::vector<std::string> missing;
  {
    const std::scoped_lock lock(mutex_);
    Tensor ignored;
    for (const auto& tensor : tensors)
      if (!computed_.contains(tensor) && !find_stored(tensor, ignored) &&
          std::ranges::find(missing, tensor) == missing.end())
        missing.push_back(tensor);
  }
  if (missing.empty()) return;
  const auto values = evaluate(program(missing));
  EIGHTBIT_CHECK(values.size() == missing.size(), "{} constants were asked for and {} computed",
                 missing.size(), values.size());
  const std::scoped_lock lock(mutex_);
  for (size_t i = 0; i < missing.size(); ++i) computed_.emplace(missing[i], spilled(values[i]));
}

// The nodes behind `tensors`, in the order of the graph; the shapes that are known become
// initializers.
Content Constants::program(const std::vector<std::string>& tensors) const {
  std::set<int> nodes;
  std::set<std::string> initializers;
  std::vector<std::string> stack = tensors;
  while (!stack.empty()) {
    const std::string name = std::move(stack.back());
    stack.pop_back();
    const int producer = index_.producer(name);
    if (producer == kNone || is_shape_of_known(index_.node(producer), types_)) {
      initializers.insert(name);
      continue;
    }
    if (!nodes.insert(producer).second) continue;
    for (const auto& input : index_.node(producer).input())
      if (!input.empty()) stack.push_back(input);
  }
  Content out;
  out.model.set_ir_version(std::max<int64_t>(content_.model.ir_version(), 4));
  *out.model.mutable_opset_import() = content_.model.opset_import();
  GraphProto& graph = *out.model.mutable_graph();
  graph.set_name("constants");
  for (int node : nodes) *graph.add_node() = index_.node(node);
  for (const auto& name : initializers) {
    Tensor known;
    if (const auto it = content_.weights.find(name); it != content_.weights.end()) {
      *graph.add_initializer() = *index_.initializer(name);
      out.weights[name] = it->second;
    } else if (const auto* initializer = index_.initializer(name)) {
      *graph.add_initializer() = *initializer;
    } else if (find_stored(name, known)) {
      *graph.add_initializer() = to_proto(name, known, true);
    }
  }
  for (const auto& tensor : tensors) graph.add_output()->set_name(tensor);
  return out;
}

}  // namespace eightbit::onnx
