// A model is written piece by piece, so that its weights are never copied. Protobuf allows it: the
// fields of a message may come in any order, and a nested message is its tag, its length and its
// bytes.
#include "backends/onnx/model_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>

#include "backends/onnx/bodies/opening.h"
#include "backends/onnx/normalize.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/external_data.h"
#include "backends/onnx/proto/inline_functions.h"
#include "backends/onnx/proto/types.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace eightbit::onnx {
namespace {

namespace fs = std::filesystem;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// Deeper messages are refused: about 30 bodies inside one another.
constexpr int kDeepestMessage = 100;

ModelProto parse(std::span<const std::byte> bytes, const std::string& what) {
  if (bytes.empty()) fail<ModelError>("read", "{} is empty. Export or copy the model again", what);
  if (bytes.size() > kLargestMessage)
    fail<ModelError>(
        "read",
        "{} has {} bytes, more than a protobuf message can have. Save the model with external data",
        what, bytes.size());
  CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kDeepestMessage);
  ModelProto model;
  if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    fail<ModelError>("read",
                     "{} is no ONNX model: it is truncated, damaged, or nested more than {} "
                     "messages deep. Export or "
                     "copy the model again",
                     what, kDeepestMessage);
  return model;
}

bool is_external(const TensorProto& tensor) {
  return tensor.data_location() == TensorProto::EXTERNAL;
}

void load_in_place(TensorProto& tensor, ExternalData& external) {
  if (is_external(tensor)) tensor = to_proto(tensor.name(), external.load(tensor), true);
}

// Tensors that are no initializers of the main graph hold their values.
void load_nested(NodeProto& node, ExternalData& external);
void load_nested(GraphProto& graph, ExternalData& external, bool main) {
  if (!main)
    for (auto& initializer : *graph.mutable_initializer()) load_in_place(initializer, external);
  for (auto& node : *graph.mutable_node()) load_nested(node, external);
}
void load_nested(NodeProto& node, ExternalData& external) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_t()) load_in_place(*attribute.mutable_t(), external);
    for (auto& tensor : *attribute.mutable_tensors()) load_in_place(tensor, external);
  }
  for (auto* body : bodies_of(node)) load_nested(*body, external, false);
}

Tensor take_values(TensorProto& proto) {
  if (!proto.has_raw_data()) return to_tensor(proto, nullptr);
  const auto values = std::make_shared<TensorProto>(std::move(proto));
  proto = TensorProto();
  proto.set_name(values->name());
  return to_tensor(*values, values);
}

// Large Constant nodes are initializers by another name.
void constants_to_initializers(GraphProto& graph) {
  auto& nodes = *graph.mutable_node();
  const auto is_large = [](const NodeProto& node) {
    if (node.op_type() != "Constant" || !is_standard(node.domain()) || node.output_size() != 1)
      return false;
    const auto* value = find_attribute(node, "value");
    return value && value->has_t() &&
           (is_external(value->t()) || value->t().ByteSizeLong() > kLargeTensor);
  };
  for (auto& node : nodes) {
    if (!is_large(node)) continue;
    auto& initializer = *graph.add_initializer();
    initializer.Swap(node.mutable_attribute(0)->mutable_t());
    initializer.set_name(node.output(0));
    node.Clear();
  }
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                             [](const auto& node) { return node.op_type().empty(); }),
              nodes.end());
}

void set_weights_aside(Content& content, ExternalData& external) {
  constants_to_initializers(*content.model.mutable_graph());
  for (auto& initializer : *content.model.mutable_graph()->mutable_initializer()) {
    if (!is_external(initializer) && (initializer.ByteSizeLong() <= kLargeTensor ||
                                      bits_of(to_dtype(initializer.data_type())) == 0))
      continue;
    const Tensor tensor =
        is_external(initializer) ? external.load(initializer) : take_values(initializer);
    initializer = to_proto(initializer.name(), tensor, false);
    mark_set_aside(initializer);
    content.weights[initializer.name()] = tensor;
  }
}

// Sizes and bytes of the pieces of a message.
size_t field_size(uint32_t tag, uint64_t length) {
  return CodedOutputStream::VarintSize32(tag) + CodedOutputStream::VarintSize64(length) + length;
}
constexpr uint32_t length_tag(uint32_t field) { return field << 3 | 2; }
constexpr uint32_t kGraphTag = length_tag(ModelProto::kGraphFieldNumber);
constexpr uint32_t kInitializerTag = length_tag(GraphProto::kInitializerFieldNumber);
constexpr uint32_t kRawDataTag = length_tag(TensorProto::kRawDataFieldNumber);

using WriteBytes = std::function<void(const void*, size_t)>;

void write_head(uint32_t tag, uint64_t length, const WriteBytes& write) {
  uint8_t buffer[20];
  uint8_t* end = CodedOutputStream::WriteVarint32ToArray(tag, buffer);
  end = CodedOutputStream::WriteVarint64ToArray(length, end);
  write(buffer, static_cast<size_t>(end - buffer));
}

// The model in three parts: what is around the graph, the graph without large weights, and these.
struct Pieces {
  std::string around, graph;
  std::vector<std::pair<std::string, Tensor>> weights;  // header and values

  explicit Pieces(const Content& content) {
    ModelProto rest = content.model;
    GraphProto inner;
    inner.Swap(rest.mutable_graph());
    rest.clear_graph();
    around = rest.SerializeAsString();
    auto& initializers = *inner.mutable_initializer();
    for (const auto& initializer : initializers)
      if (const auto it = content.weights.find(initializer.name()); it != content.weights.end())
        weights.emplace_back(to_proto(it->first, it->second, false).SerializeAsString(),
                             it->second);
    initializers.erase(
        std::remove_if(initializers.begin(), initializers.end(),
                       [&](const auto& i) { return content.weights.contains(i.name()); }),
        initializers.end());
    graph = inner.SerializeAsString();
  }

  static uint64_t tensor_size(const std::pair<std::string, Tensor>& weight) {
    return weight.first.size() + field_size(kRawDataTag, weight.second.byte_size());
  }
  uint64_t graph_size() const {
    uint64_t size = graph.size();
    for (const auto& weight : weights) size += field_size(kInitializerTag, tensor_size(weight));
    return size;
  }
  uint64_t size() const { return around.size() + field_size(kGraphTag, graph_size()); }

  void write(const WriteBytes& write) const {
    write(around.data(), around.size());
    write_head(kGraphTag, graph_size(), write);
    write(graph.data(), graph.size());
    for (const auto& weight : weights) {
      write_head(kInitializerTag, tensor_size(weight), write);
      write(weight.first.data(), weight.first.size());
      write_head(kRawDataTag, weight.second.byte_size(), write);
      write(weight.second.data, weight.second.byte_size());
    }
  }
};

}  // namespace

std::shared_ptr<const Content> parse_model(std::span<const std::byte> bytes, const fs::path& folder,
                                           const std::string& what) {
  auto content = std::make_shared<Content>();
  content->model = parse(bytes, what);
  check_model(content->model, what);
  inline_functions(content->model);
  open_bodies(*content);
  ExternalData external(folder);
  load_nested(*content->model.mutable_graph(), external, true);
  set_weights_aside(*content, external);
  normalize(*content);
  return content;
}

std::shared_ptr<const Content> read_file(const fs::path& path) {
  const auto file = map_file(path);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return parse_model(file->bytes(), folder, fmt::format("'{}'", path.string()));
}

Tensor initializer_tensor(const Content& content, const TensorProto& initializer) {
  const auto it = content.weights.find(initializer.name());
  if (it != content.weights.end()) return it->second;
  const auto copy = std::make_shared<const TensorProto>(initializer);
  return to_tensor(*copy, copy);
}

uint64_t serialized_size(const Content& content) { return Pieces(content).size(); }

void serialize(const Content& content, const WriteBytes& write) { Pieces(content).write(write); }

std::string serialize(const Content& content) {
  const Pieces pieces(content);
  if (pieces.size() > kLargestMessage)
    fail<Unsupported>(
        "onnx", "the model has {} bytes, more than a protobuf message can have. Save it to a file",
        pieces.size());
  std::string out;
  out.reserve(pieces.size());
  pieces.write(
      [&](const void* bytes, size_t size) { out.append(static_cast<const char*>(bytes), size); });
  return out;
}

}  // namespace eightbit::onnx
