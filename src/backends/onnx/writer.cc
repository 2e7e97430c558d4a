#include "backends/onnx/writer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "backends/onnx/hard_swish_nodes.h"
#include "backends/onnx/model_file.h"
#include "backends/onnx/proto/attributes.h"
#include "backends/onnx/proto/check.h"
#include "backends/onnx/proto/opset.h"
#include "backends/onnx/proto/prune.h"
#include "backends/onnx/proto/sort.h"
#include "backends/onnx/quantizer_nodes.h"
#include "backends/onnx/repeated_pairs.h"
#include "backends/onnx/runtime_faults.h"
#include "base/error.h"
#include "base/float_tensor.h"
#include "base/spill.h"
#include "graph/roles.h"
#include "kernels/hard_swish_blocks.h"
#include "kernels/one_range.h"
#include "quant/channels.h"

namespace eightbit::onnx {
namespace {

// False where they are no constants.
bool clip_bounds(const Reading& reading, const GraphProto& model, const Node& clip, float& low,
                 float& high) {
  const Graph& graph = reading.graph;
  const NodeProto& proto = model.node(reading.nodes[static_cast<size_t>(clip.id)].back());
  low = float_attribute(proto, "min", low);
  high = float_attribute(proto, "max", high);
  for (size_t port = 1; port < clip.inputs.size(); ++port) {
    if (clip.inputs[port] == kNone) continue;
    const Value& bound = graph.value(clip.inputs[port]);
    if (!bound.is_constant()) return false;
    (port == 1 ? low : high) = to_floats(bound.constant->load())[0];
  }
  return true;
}

class Writer {
 public:
  Writer(Copy& copy, const Reading& reading, const Plan& plan, Layout layout)
      : copy_(copy), reading_(reading), graph_(reading.graph), plan_(plan), layout_(layout) {}

  void replace(const ConstantReplacement& replacement) {
    const Value& value = graph_.value(replacement.value);
    EIGHTBIT_CHECK(value.is_constant(), "'{}' is to be replaced but is not a constant", value.name);
    EIGHTBIT_CHECK(replacement.tensor.shape == value.shape,
                   "a constant of shape {} is to be replaced by one of shape {}",
                   to_string(value.shape), to_string(replacement.tensor.shape));
    const std::string tensor = add_constant(value.name, value, replacement.tensor);
    redirect(places(replacement.uses.empty() ? value.uses : replacement.uses), tensor);
    if (replacement.uses.empty()) copy_.values[value.id] = tensor;
  }

  void scale(const ScaleInsertion& scale) {
    const Value& value = graph_.value(scale.value);
    EIGHTBIT_CHECK(!scale.uses.empty(), "the scale of '{}' has no uses", value.name);
    const std::string name = graph_.node(scale.uses.front().node).name + "/scale";
    const Tensor factor = float_tensor(
        value.dtype, along(value, scale.axis, scale.factor.size(), name), scale.factor);
    insert_between(scale.uses, [&](const std::string& source) {
      const std::string constant = copy_.add_initializer(name + "/factor", factor);
      const std::string output = copy_.new_name(name + "_output");
      copy_.add_node("Mul", name, {source, constant}, {output});
      return output;
    });
  }

  void shift(const BiasShift& shift) {
    const int index = reading_.nodes[shift.node].back();
    const std::string type = node(index).op_type();
    const bool has_port = type == "Conv" || type == "ConvTranspose" || type == "Gemm";
    if (has_port ? shift_port(shift, index) : shift_addition(shift)) return;
    const Value& output = graph_.value(graph_.node(shift.node).outputs[0]);
    const std::string name = graph_.node(shift.node).name + "/bias_correction";
    const std::string& tensor = copy_.values[output.id];
    const Tensor values = float_tensor(
        output.dtype, along(output, shift.axis, shift.shift.size(), name), shift.shift);
    const std::string constant = copy_.add_initializer(name + "/shift", values);
    copy_.add_node("Add", name, {copy_.yield_instead(tensor, "/uncorrected"), constant}, {tensor});
    added_biases_[shift.node] = proto().node_size() - 1;
  }

  // `own_ranges`: for each channel, where there are such; else ONNX Runtime's kernels would stay
  // float.
  void quantize(const Quantizer& planned, bool own_ranges) {
    EIGHTBIT_CHECK(planned.has_range() && !planned.uses.empty(), "the quantizer of '{}' has no {}",
                   graph_.value(planned.value).name, planned.has_range() ? "uses" : "range");
    const Quantizer quantizer = own_ranges ? planned : with_one_range(planned);
    const Value& value = graph_.value(quantizer.value);
    opset_ = std::max(opset_, opset_for(quantizer, value.dtype));
    const std::string name = quantizer_name(quantizer);
    if (quantizer.weight && compresses(quantizer)) return quantize_weight(quantizer, name);
    insert_between(quantizer.uses, [&](const std::string& source) {
      const auto direct = direct_.find(value.id);
      const std::string from =
          direct == direct_.end() ? before_clip(source, quantizer) : direct->second;
      const QuantizedTensor tensor{from, value.dtype, value.shape, value.rank_known};
      return stands_in_a_broken_chain(reading_, proto(), plan_, quantizer)
                 ? add_quantizer_apart(tensor, quantizer, name)
                 : add_quantizer(copy_, tensor, quantizer, name);
    });
    if (quantizer.low.size() == 1 && quantizer.levels <= 256)
      for (const Use& use : quantizer.uses) input_steps_[use] = steps_of(quantizer)[0];
  }

  // What the quantizer in front of a hard swish reads is the layer itself, which has taken over the
  // numbers between and the factors. It then has a name of its own, as its output is no longer what
  // the float model has there.
  void read_layer(const HardSwishBlock& block, const std::vector<float>& factors) {
    const std::string tensor = copy_.values[graph_.node(block.layer).outputs[0]];
    std::string& source = direct_[plan_.quantizers[block.input].value] = tensor;
    if (factors.size() == 1 && block.before.factor == 1 && block.before.shift == 0) return;
    source = copy_.yield_instead(tensor, "/scaled");
    NodeProto& layer = node(reading_.nodes[block.layer].back());
    layer.set_name(copy_.new_name(layer.name() + "/scaled"));
  }

  // Behind its quantizer. `factors`: those of the layer's channels.
  void spell_hard_swish(const HardSwishBlock& block, const std::vector<float>& factors) {
    const InputRef place = reading_.inputs[block.activation][0].front();
    const Quantizer& output = plan_.quantizers[block.output];
    direct_[output.value] = add_hard_swish(
        copy_, {node(place.node).input(place.port), factors, block.behind.factor,
                block.behind.shift, output.low[0], output.high[0],
                graph_.node(block.activation).name, graph_.node(block.activation).op == Op::swish});
  }

  // Integer products take their bias in steps of both operands.
  void quantize_biases() {
    std::unordered_map<std::string, int> initializers;
    for (int i = 0; i < proto().initializer_size(); ++i)
      initializers[proto().initializer(i).name()] = i;
    for (const auto& [id, steps] : weight_steps_)
      if (const auto input = step_of({id, 0})) quantize_bias(id, *input, steps, initializers);
  }

  void finish() {
    if (opset_ > 0)
      lift_opset(copy_.content.model, opset_,
                 [this](const std::string& tensor) { return reading_.rank_of(tensor); });
    lift_ir_version();
    const NodeProto* stuck = sort_nodes(proto());
    EIGHTBIT_CHECK(!stuck, "the plan makes node '{}' depend on itself", stuck->name());
    prune(copy_.content);
    if (layout_ == Layout::kernels) repeat_pairs(copy_);
  }

 private:
  GraphProto& proto() { return *copy_.content.model.mutable_graph(); }
  NodeProto& node(int index) { return *proto().mutable_node(index); }

  std::vector<InputRef> places(const std::vector<Use>& uses) const {
    std::vector<InputRef> all;
    for (const Use& use : uses) {
      const auto& refs = reading_.inputs[use.node][static_cast<size_t>(use.port)];
      all.insert(all.end(), refs.begin(), refs.end());
    }
    return all;
  }

  // Of a tensor with known rows, with one more axis in between.
  std::string add_quantizer_apart(QuantizedTensor tensor, const Quantizer& quantizer,
                                  const std::string& name) {
    const int64_t rows = tensor.shape[0];
    tensor.name = add_reshape(tensor.name, {1, rows, -1}, name + "/apart");
    tensor.shape.insert(tensor.shape.begin(), 1);
    return add_reshape(add_quantizer(copy_, tensor, quantizer, name), {rows, -1}, name + "/back");
  }

  std::string add_reshape(const std::string& source, const std::vector<int64_t>& shape,
                          const std::string& name) {
    Tensor extents = Tensor::allocate(DType::i64, {static_cast<int64_t>(shape.size())});
    std::ranges::copy(shape, reinterpret_cast<int64_t*>(extents.mutable_data()));
    const std::string output = copy_.new_name(name + "_output");
    copy_.add_node("Reshape", name, {source, copy_.add_initializer(name + "/shape", extents)},
                   {output});
    return output;
  }

  void redirect(const std::vector<InputRef>& refs, const std::string& tensor) {
    for (const InputRef& ref : refs)
      if (ref.node != kNone) node(ref.node).set_input(ref.port, tensor);
  }

  // Puts what `insert` adds between each source and those of the uses that read it now. An output
  // of the model keeps its name: the source gets another one.
  void insert_between(const std::vector<Use>& uses,
                      const std::function<std::string(const std::string&)>& insert) {
    std::vector<std::pair<std::string, std::vector<InputRef>>> by_source;
    for (const InputRef& ref : places(uses)) {
      const std::string source =
          ref.node == kNone ? proto().output(ref.port).name() : node(ref.node).input(ref.port);
      auto it = std::ranges::find(by_source, source, [](const auto& entry) { return entry.first; });
      if (it == by_source.end()) it = by_source.insert(by_source.end(), {source, {}});
      it->second.push_back(ref);
    }
    for (const auto& [source, refs] : by_source) {
      const bool is_output =
          std::ranges::any_of(refs, [](const InputRef& ref) { return ref.node == kNone; });
      if (is_output)
        insert_before_output(source, refs, insert);
      else
        redirect(refs, insert(source));
    }
  }

  void insert_before_output(const std::string& output, const std::vector<InputRef>& refs,
                            const std::function<std::string(const std::string&)>& insert) {
    const std::string source = copy_.yield_instead(output, "/float");
    for (auto& reader : *proto().mutable_node())
      for (auto& input : *reader.mutable_input())
        if (input == output) input = source;
    const std::string inserted = insert(source);
    redirect(refs, inserted);
    copy_.add_node("Identity", output + "/output", {inserted}, {output});
  }

  Shape stored_shape(const Value& value, const Shape& shape) const {
    if (!reading_.grouped.contains(value.id)) return shape;
    Shape joined(shape.begin() + 1, shape.end());
    joined[0] *= shape[0];
    return joined;
  }

  std::string add_constant(const std::string& name, const Value& value, const Tensor& tensor) {
    Tensor stored = tensor;
    if (tensor.dtype != value.dtype)
      stored = spilled(float_tensor(value.dtype, tensor.shape, to_floats(tensor)));
    stored.shape = stored_shape(value, tensor.shape);
    return copy_.add_initializer(name, stored);
  }

  // The shape that lays channel values over `axis` of a tensor, without leading ones.
  static Shape along(const Value& value, int64_t axis, size_t count, const std::string& name) {
    if (!value.rank_known)
      fail<Unsupported>(
          "onnx",
          "'{}' needs a channel axis, but the rank of '{}' is not known. Run shape inference first",
          name, value.name);
    const auto rank = static_cast<int64_t>(value.shape.size());
    const int64_t place = axis < 0 ? axis + rank : axis;
    EIGHTBIT_CHECK(place >= 0 && place < rank, "axis {} of '{}' with rank {}", axis, name, rank);
    Shape shape(static_cast<size_t>(rank - place), 1);
    shape[0] = static_cast<int64_t>(count);
    return shape;
  }

  Tensor constant_at(Use use) const { return weight_of(graph_, plan_, graph_.input(use), use); }

  // Conv and Gemm take their bias at port 2. False where it is no constant or does not count.
  bool shift_port(const BiasShift& shift, int index) {
    const float beta =
        node(index).op_type() == "Gemm" ? float_attribute(node(index), "beta", 1.0f) : 1.0f;
    const bool connected = node(index).input_size() > 2 && !node(index).input(2).empty();
    if (beta == 0.0f || (connected && !reads_constant(graph_, graph_.node(shift.node), 2)))
      return false;
    const Tensor old = connected ? constant_at({shift.node, 2}) : Tensor{};
    const auto moved = moved_bias(old, shift.shift, 1.0f / beta);
    if (moved.empty()) return false;
    Shape shape = connected && old.shape.size() > 1 ? old.shape : Shape{0};
    shape.back() = static_cast<int64_t>(shift.shift.size());
    const Value& output = graph_.value(graph_.node(shift.node).outputs[0]);
    const std::string name = connected ? graph_.value(graph_.node(shift.node).inputs[2]).name
                                       : graph_.node(shift.node).name + "/bias";
    set_input(node(index), 2,
              copy_.add_initializer(name, float_tensor(output.dtype, shape, moved)));
    return true;
  }

  // `old` may be missing, or hold one value for all channels. Empty where the last axis does not
  // hold the channels.
  static std::vector<float> moved_bias(const Tensor& old, const std::vector<float>& shift,
                                       float factor) {
    const size_t channels = shift.size();
    std::vector<float> values = old.empty() ? std::vector<float>(channels, 0.0f) : to_floats(old);
    const size_t last = old.empty()         ? channels
                        : old.shape.empty() ? 1
                                            : static_cast<size_t>(old.shape.back());
    if (values.empty() || (last != channels && last != 1)) return {};
    std::vector<float> moved;
    for (size_t row = 0; row < values.size() / last; ++row)
      for (size_t c = 0; c < channels; ++c)
        moved.push_back(values[row * last + (last == 1 ? 0 : c)] + shift[c] * factor);
    return moved;
  }

  static void set_input(NodeProto& node, int port, const std::string& tensor) {
    while (node.input_size() <= port) node.add_input("");
    node.set_input(port, tensor);
  }

  // The bias of a matrix product is the constant operand of the Add that alone reads it.
  bool shift_addition(const BiasShift& shift) {
    const Value& output = graph_.value(graph_.node(shift.node).outputs[0]);
    const auto use = bias_behind(graph_, shift.node);
    if (!use || graph_.node(use->node).type != "Add") return false;
    const Tensor old = constant_at(*use);
    const bool last_axis =
        output.rank_known && shift.axis == static_cast<int64_t>(output.shape.size()) - 1;
    if (!last_axis || old.shape.size() > output.shape.size()) return false;
    const auto moved = moved_bias(old, shift.shift, 1.0f);
    if (moved.empty()) return false;
    Shape shape = old.shape.empty() ? Shape{0} : old.shape;
    shape.back() = static_cast<int64_t>(shift.shift.size());
    const Value& bias = graph_.value(graph_.input(*use));
    redirect(places({*use}),
             copy_.add_initializer(bias.name, float_tensor(bias.dtype, shape, moved)));
    return true;
  }

  // Quantizers saturate: a Clip or Relu to no less than their range does nothing that they do not,
  // and runtimes that see none fuse the layer in front. The Clip stays where others read it, as
  // what compares values does in the plain layout.
  std::string before_clip(const std::string& source, const Quantizer& quantizer) const {
    const Value& value = graph_.value(quantizer.value);
    if (layout_ == Layout::plain || value.producer == kNone || quantizer.low.size() != 1 ||
        quantizer.uses != value.uses)
      return source;
    const Node& clip = graph_.node(value.producer);
    if (reading_.values[value.id] != source) return source;
    float low = -std::numeric_limits<float>::infinity(), high = -low;
    if (clip.type == "Relu")
      low = 0.0f;
    else if (clip.type != "Clip" ||
             !clip_bounds(reading_, copy_.content.model.graph(), clip, low, high))
      return source;
    const float slack = 1e-5f * std::max(std::fabs(quantizer.low[0]), std::fabs(quantizer.high[0]));
    if (quantizer.low[0] < low - slack || quantizer.high[0] > high + slack) return source;
    return copy_.values[clip.inputs[0]];
  }

  std::string quantizer_name(const Quantizer& quantizer) const {
    const Value& value = graph_.value(quantizer.value);
    const Use& first = quantizer.uses.front();
    if (quantizer.weight)
      return fmt::format("{}/weights_{}", graph_.node(first.node).name, first.port);
    if (value.producer != kNone && quantizer.uses == value.uses)
      return fmt::format("{}/output_{}", graph_.node(value.producer).name, value.port);
    return fmt::format("{}/input_{}", graph_.node(first.node).name, first.port);
  }

  // Without compression, channels must lie on one axis of what the model stores.
  bool compresses(const Quantizer& quantizer) const {
    const bool one_axis = quantizer.channel_axes.size() <= 1;
    return can_compress(quantizer) && (plan_.compress_weights || !one_axis);
  }

  void quantize_weight(const Quantizer& quantizer, const std::string& name) {
    const Value& value = graph_.value(quantizer.value);
    const Tensor found = weight_of(graph_, plan_, quantizer.value, quantizer.uses.front());
    Tensor weight = found;
    if (found.dtype != value.dtype)
      weight = float_tensor(value.dtype, found.shape, to_floats(found));
    if (is_looked_up(quantizer)) return quantize_table(quantizer, weight, name);
    Quantizer written = quantizer;
    Shape stored = stored_shape(value, weight.shape);
    if (is_matrix_behind_ones(quantizer, weight.shape))
      stored = leave_out_ones(written, weight.shape);
    const Scales scales =
        takes_scales_along_an_axis(written, stored) ? Scales::along_an_axis : Scales::behind;
    redirect(places(quantizer.uses), add_weight(copy_, weight, stored, written, name, scales));
    if (quantizer.levels > 256 || quantizer.spec.fp8 || scales == Scales::behind) return;
    for (const Use& use : quantizer.uses)
      if (use.port == 1) weight_steps_[use.node] = steps_of(quantizer);
  }

  // ONNX Runtime's integer products take scales of channels from the columns of a matrix and from
  // nothing else.
  bool takes_scales_along_an_axis(const Quantizer& quantizer, const Shape& stored) const {
    return quantizer.spec.fp8 || std::ranges::none_of(quantizer.uses, [&](const Use& use) {
             return graph_.node(use.node).op == Op::mat_mul && (use.port == 0 || stored.size() > 2);
           });
  }

  // [1, ..., K, N], where a product yields the same for [K, N].
  bool is_matrix_behind_ones(const Quantizer& quantizer, const Shape& shape) const {
    const size_t rank = shape.size();
    if (rank < 3 || element_count(shape) != shape[rank - 2] * shape[rank - 1]) return false;
    return std::ranges::all_of(quantizer.uses, [&](const Use& use) {
      const Node& node = graph_.node(use.node);
      if (node.op != Op::mat_mul || use.port != 1 || node.inputs[0] == kNone) return false;
      const Value& other = graph_.value(node.inputs[0]);
      return other.rank_known && other.shape.size() >= rank;
    });
  }

  static Shape leave_out_ones(Quantizer& quantizer, Shape& shape) {
    const auto ones = static_cast<int64_t>(shape.size()) - 2;
    shape.erase(shape.begin(), shape.begin() + ones);
    std::erase_if(quantizer.channel_axes, [&](int64_t axis) { return axis < ones; });
    for (int64_t& axis : quantizer.channel_axes) axis -= ones;
    return shape;
  }

  // The step of what arrives there, which ops that only move elements keep.
  std::optional<float> step_of(Use use) const {
    for (;;) {
      if (const auto it = input_steps_.find(use); it != input_steps_.end()) return it->second;
      const ValueId value = graph_.input(use);
      const NodeId producer = value == kNone ? kNone : graph_.value(value).producer;
      if (producer == kNone || !moves(graph_.node(producer).op)) return std::nullopt;
      use = {producer, 0};
    }
  }

  // A table of one scale a row, or one for all, that nothing but look-ups of rows reads.
  bool is_looked_up(const Quantizer& quantizer) const {
    const bool by_row =
        quantizer.channel_axes.empty() || quantizer.channel_axes == std::vector<int64_t>{0};
    return by_row && !quantizer.spec.fp8 &&
           std::ranges::all_of(quantizer.uses, [this](const Use& use) {
             const Node& reader = graph_.node(use.node);
             return reader.op == Op::embedding && use.port == 0 && reader.attributes.axis == 0;
           });
  }

  // Only rows that are looked up are dequantized.
  void quantize_table(const Quantizer& quantizer, const Tensor& table, const std::string& name) {
    const Table stored = add_table(copy_, table, quantizer, name);
    for (const InputRef& ref : places(quantizer.uses)) {
      const std::string indices = node(ref.node).input(1), output = node(ref.node).output(0);
      const std::string integers = copy_.new_name(output + "/quantized");
      node(ref.node).set_input(ref.port, stored.integers);
      node(ref.node).set_output(0, integers);
      dequantize_rows(copy_, stored, {integers, indices, output},
                      graph_.value(quantizer.value).dtype, name);
    }
  }

  struct BiasPlace {
    int index = kNone;  // of the node that reads it
    int port = 2;
    Use use;  // in the graph; none for a bias that was added
  };

  BiasPlace bias_of(Use use) const { return {reading_.nodes[use.node].back(), use.port, use}; }

  // Conv and Gemm take their bias at port 2. That of a MatMul is what the Add that alone reads it
  // adds: ONNX Runtime makes one Gemm of both, which it computes in integers if the bias is one.
  std::optional<BiasPlace> bias_place(NodeId id) {
    const NodeProto& product = node(reading_.nodes[id].back());
    const std::string& type = product.op_type();
    if (type == "Conv") return bias_of({id, 2});
    if (type == "Gemm" && float_attribute(product, "alpha", 1) == 1 &&
        float_attribute(product, "beta", 1) == 1)
      return bias_of({id, 2});
    if (type != "MatMul") return std::nullopt;
    if (const auto added = added_biases_.find(id); added != added_biases_.end())
      return BiasPlace{added->second, 1, {}};
    const auto use = bias_behind(graph_, id);
    if (!use || graph_.node(use->node).type != "Add") return std::nullopt;
    return bias_of(*use);
  }

  void quantize_bias(NodeId id, float input_step, const std::vector<float>& weight_steps,
                     const std::unordered_map<std::string, int>& initializers) {
    const auto place = bias_place(id);
    if (!place) return;
    NodeProto& reader = node(place->index);
    if (reader.input_size() <= place->port || reader.input(place->port).empty()) return;
    const auto it = initializers.find(reader.input(place->port));
    Tensor bias;
    if (it != initializers.end())
      bias = initializer_tensor(copy_.content, proto().initializer(it->second));
    else if (place->use.node != kNone &&
             reads_constant(graph_, graph_.node(place->use.node), static_cast<size_t>(place->port)))
      bias = constant_at(place->use);
    if (bias.empty() || bias.shape.size() != 1 || bias.dtype != DType::f32) return;
    const auto count = static_cast<size_t>(bias.shape[0]);
    if (weight_steps.size() != 1 && weight_steps.size() != count) return;
    std::vector<float> steps;
    for (float step : weight_steps) steps.push_back(step * input_step);
    const std::string integers =
        add_bias(copy_, bias.as<float>(), steps, graph_.node(id).name + "/bias");
    if (!integers.empty()) reader.set_input(place->port, integers);
  }

  void lift_ir_version() {
    const int64_t opset = opset_of(copy_.content.model);
    const int64_t least = opset >= 21   ? 10
                          : opset >= 19 ? 9
                          : opset >= 15 ? 8
                          : opset >= 13 ? 7
                                        : 4;
    if (copy_.content.model.ir_version() < least) copy_.content.model.set_ir_version(least);
  }

  Copy& copy_;
  const Reading& reading_;
  const Graph& graph_;
  const Plan& plan_;
  const Layout layout_;
  int64_t opset_ = 0;
  // what quantizers round instead of the value itself
  std::map<ValueId, std::string> direct_;
  std::map<Use, float> input_steps_;                   // of quantized activations, by reader
  std::map<NodeId, std::vector<float>> weight_steps_;  // of quantized weights, by product
  std::map<NodeId, int> added_biases_;  // nodes that add a correction behind a product
};

}  // namespace

namespace {

// Quantizers of hard swish blocks come one behind the other, as each reads what stands behind the
// one before.
void quantize_blocks(Writer& writer, const Plan& planned, const Plan& written,
                     const std::vector<HardSwishBlock>& blocks) {
  for (const HardSwishBlock& block : blocks) {
    const std::vector<float> factors = channel_factors(planned.quantizers[block.input]);
    writer.read_layer(block, factors);
    writer.quantize(written.quantizers[block.input], true);
    if (block.activation == kNone) continue;
    writer.spell_hard_swish(block, factors);
    writer.quantize(written.quantizers[block.output], true);
  }
}

// Whether the block's quantizer clips all that its activation does.
bool can_leave_out_clip(const Reading& reading, const GraphProto& model,
                        const HardSwishBlock& block) {
  if (block.clip == kNone) return true;
  const Node& clip = reading.graph.node(block.clip);
  float low = 0, high = 0;
  return clip.type == "Relu" ||
         (clip.type == "Clip" && clip_bounds(reading, model, clip, low, high) && low <= 0);
}

// Swish of a multiple of x has another gate: one node that does not tell, or three.
bool can_be_spelled(const Reading& reading, const HardSwishBlock& block) {
  return block.activation == kNone || reading.graph.node(block.activation).op != Op::swish ||
         reading.nodes[static_cast<size_t>(block.activation)].size() == 2;
}

}  // namespace

void apply_plan(Copy& copy, const Reading& reading, const Plan& planned, Layout layout) {
  std::vector<HardSwishBlock> blocks = hard_swish_blocks(reading.graph, planned);
  std::erase_if(blocks, [&](const HardSwishBlock& block) {
    return !shares_zero_point(planned.quantizers[block.input]) ||
           !shares_zero_point(planned.quantizers[block.output]) ||
           !can_be_spelled(reading, block) ||
           !can_leave_out_clip(reading, copy.content.model.graph(), block);
  });
  const bool kernels = layout == Layout::kernels;
  const Plan plan = kernels ? with_scaled_blocks(reading.graph, planned, blocks) : planned;
  Writer writer(copy, reading, plan, layout);
  for (const auto& constant : plan.constants) writer.replace(constant);
  for (const auto& scale : plan.scales) writer.scale(scale);
  for (const auto& shift : plan.biases) writer.shift(shift);
  std::set<size_t> in_blocks;
  for (const HardSwishBlock& block : blocks) in_blocks.insert({block.input, block.output});
  for (size_t i = 0; i < plan.quantizers.size(); ++i)
    if (!kernels || !in_blocks.contains(i))
      writer.quantize(plan.quantizers[i], in_blocks.contains(i));
  if (kernels) quantize_blocks(writer, planned, plan, blocks);
  writer.quantize_biases();
  writer.finish();
}

}  // namespace eightbit::onnx
