#include "backends/onnx/einsum.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "backends/onnx/constants.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/copy.h"
#include "backends/onnx/proto/graph_index.h"
#include "backends/onnx/proto/sort.h"
#include "base/spill.h"
#include "graph/einsum.h"

namespace eightbit::onnx {
namespace {

struct Found {
  int node = kNone;
  int port = 0;  // of the weight
  EinsumProduct product;
  Tensor weight;
  int bias = kNone;  // an Add behind it
  int bias_port = 0;
  Tensor numbers;  // of the bias

  // Sizes of the axes that the columns are joined from.
  std::vector<int64_t> columns() const {
    std::vector<int64_t> sizes;
    for (auto place = static_cast<size_t>(product.summed); place < product.order.size(); ++place)
      sizes.push_back(weight.shape[static_cast<size_t>(product.order[place])]);
    return sizes;
  }
};

Shape without_leading_ones(Shape shape) {
  shape.erase(shape.begin(), std::ranges::find_if(shape, [](int64_t size) { return size != 1; }));
  return shape;
}

class Finder {
 public:
  explicit Finder(const Content& content)
      : constants_(content, {}), index_(content.model.graph()) {}

  std::vector<Found> find() const {
    std::vector<Found> found;
    for (int i = 0; i < index_.graph().node_size(); ++i)
      if (auto one = product_at(i)) found.push_back(std::move(*one));
    return found;
  }

 private:
  std::optional<Tensor> stored(const std::string& tensor) const {
    if (!constants_.contains(tensor) || constants_.stored(tensor) != tensor) return std::nullopt;
    Tensor value = constants_.value(tensor);
    return value.dtype == DType::f32 ? std::optional(value) : std::nullopt;
  }

  std::optional<Found> product_at(int at) const {
    const NodeProto& node = index_.node(at);
    if (node.op_type() != "Einsum" || !is_standard(node.domain()) || node.input_size() != 2)
      return std::nullopt;
    Found found{.node = at, .port = constants_.contains(node.input(0)) ? 0 : 1};
    const auto weight = stored(node.input(found.port));
    if (!weight || constants_.contains(node.input(1 - found.port))) return std::nullopt;
    const auto product =
        einsum_product(string_attribute(node, "equation", ""), found.port, std::nullopt);
    if (!product || product->order.size() != weight->shape.size()) return std::nullopt;
    found.product = *product;
    found.weight = *weight;
    find_bias(node.output(0), found);
    return found;
  }

  // The Add that alone reads the result and adds a number to each of the columns.
  void find_bias(const std::string& result, Found& found) const {
    const int reader = index_.only_reader(result);
    if (reader == kNone || index_.node(reader).op_type() != "Add") return;
    const NodeProto& add = index_.node(reader);
    const int port = add.input(0) == result ? 1 : 0;
    const auto numbers = stored(add.input(port));
    if (!numbers || without_leading_ones(numbers->shape) != without_leading_ones(found.columns()))
      return;
    const auto rank = static_cast<size_t>(found.product.kept) + found.columns().size();
    if (numbers->shape.size() > rank) return;  // it adds axes
    found.bias = reader, found.bias_port = port, found.numbers = *numbers;
  }

  Constants constants_;
  GraphIndex index_;
};

// The weight as [rows, columns].
Tensor matrix_of(const Found& found) {
  const std::vector<float> values = to_floats(found.weight);
  const Shape& shape = found.weight.shape;
  const size_t rank = shape.size();
  std::vector<size_t> strides(rank, 1);
  for (size_t axis = rank - 1; axis > 0; --axis)
    strides[axis - 1] = strides[axis] * static_cast<size_t>(shape[axis]);
  int64_t columns = 1;
  for (int64_t size : found.columns()) columns *= size;
  std::vector<float> moved(values.size());
  std::vector<int64_t> place(rank, 0);  // in the order of the matrix
  for (float& value : moved) {
    size_t from = 0;
    for (size_t i = 0; i < rank; ++i)
      from += static_cast<size_t>(place[i]) * strides[static_cast<size_t>(found.product.order[i])];
    value = values[from];
    for (size_t i = rank; i-- > 0;) {
      if (++place[i] < shape[static_cast<size_t>(found.product.order[i])]) break;
      place[i] = 0;
    }
  }
  return spilled_floats(moved, {static_cast<int64_t>(values.size()) / columns, columns});
}

class Replacing {
 public:
  Replacing(Copy& copy, const Found& found)
      : copy_(copy),
        found_(found),
        name_(node().name().empty() ? node().output(0) : node().name()) {}

  void replace() {
    const std::string activation = node().input(1 - found_.port);
    const std::string weight = node().input(found_.port);
    const std::string matrix = copy_.add_initializer(weight, matrix_of(found_));
    const std::string source =
        found_.product.joins() ? reshaped(activation, {-1}, "joined") : activation;
    NodeProto& product = node();  // adding nodes moves them
    product.set_op_type("MatMul");
    remove_attribute(product, "equation");
    product.set_input(0, source);
    product.set_input(1, matrix);
    if (found_.product.takes_apart()) take_apart();
  }

 private:
  NodeProto& node() { return *copy_.content.model.mutable_graph()->mutable_node(found_.node); }

  std::vector<int64_t> kept_and(const std::vector<int64_t>& others) const {
    std::vector<int64_t> sizes(static_cast<size_t>(found_.product.kept), 0);  // as they are
    sizes.insert(sizes.end(), others.begin(), others.end());
    return sizes;
  }

  std::string sizes(const std::vector<int64_t>& others, const std::string& suffix) {
    const auto values = kept_and(others);
    Tensor tensor = Tensor::allocate(DType::i64, {static_cast<int64_t>(values.size())});
    std::memcpy(tensor.mutable_data(), values.data(), tensor.byte_size());
    return copy_.add_initializer(name_ + "/" + suffix + "/shape", tensor);
  }

  std::string reshaped(const std::string& tensor, const std::vector<int64_t>& others,
                       const std::string& suffix) {
    const std::string made = copy_.new_name(tensor + "/" + suffix);
    copy_.add_node("Reshape", name_ + "/" + suffix, {tensor, sizes(others, suffix)}, {made});
    return made;
  }

  // Who read the result reads what is taken apart.
  void take_apart() {
    NodeProto* last = &node();
    if (found_.bias != kNone) {
      const std::string product = yields_flat(*last);
      last = copy_.content.model.mutable_graph()->mutable_node(found_.bias);
      last->set_input(1 - found_.bias_port, product);
      last->set_input(found_.bias_port, flat_bias(last->input(found_.bias_port)));
    }
    const std::string end = last->output(0), flat = yields_flat(*last);
    copy_.add_node("Reshape", name_ + "/apart", {flat, sizes(found_.columns(), "apart")}, {end});
  }

  std::string yields_flat(NodeProto& node) {
    node.set_output(0, copy_.new_name(node.output(0) + "/flat"));
    return node.output(0);
  }

  std::string flat_bias(const std::string& name) {
    Tensor numbers = found_.numbers;
    numbers.shape = {element_count(numbers.shape)};
    return copy_.add_initializer(name, numbers);
  }

  Copy& copy_;
  const Found& found_;
  const std::string name_;
};

}  // namespace

void make_products_of_einsums(Content& content) {
  const auto found = Finder(content).find();
  if (found.empty()) return;
  Copy copy(std::move(content), {});
  for (const Found& one : found) Replacing(copy, one).replace();
  content = std::move(copy.content);
  sort_nodes(*content.model.mutable_graph());
}

}  // namespace eightbit::onnx
