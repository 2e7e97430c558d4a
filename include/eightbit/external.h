// Models of frameworks that are not linked in: the caller describes the network and carries out a
// plan, an engine of the caller's runs it, and everything between is done here.
//
//   class MyNetwork : public eightbit::external::Network { ... };
//   class MyEngine : public eightbit::external::Engine { ... };
//   auto model = eightbit::external::wrap(std::make_shared<MyNetwork>(),
//                                         std::make_shared<MyEngine>());
//   auto quantized = eightbit::quantize(model, dataset);
//   auto mine = std::dynamic_pointer_cast<const MyNetwork>(eightbit::external::unwrap(quantized));
//
// Values are numbered from 0 in the order in which constants and outputs of nodes stand in the
// description, nodes from 0 in their own order. Networks and engines are called from one thread at
// a time; what they throw reaches the caller of quantize().
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace eightbit::external {

// No value, or no node.
inline constexpr int32_t kNone = -1;

// A tensor of the network: a weight, a bias, a number. Those that several nodes read may be
// described once or once for each; equal bytes at one address count once.
struct Constant {
  std::string name;        // as the framework's users know it
  Tensor tensor;           // borrowed: its owner keeps the bytes
  bool quantized = false;  // the result of a dequantization
};

// An output of a node. Outputs that nobody reads are described, too, for they have numbers.
struct Output {
  DType dtype = DType::undefined;
  Shape shape;  // -1: not known
  bool rank_known = true;
};

// What some ops need to know beyond their inputs. Fields that do not concern an op stay at their
// defaults.
struct Attributes {
  // Of mat_mul: the last two axes of its operands are swapped.
  bool transpose_a = false, transpose_b = false;
  // Of convolutions and pools, in elements, a number for each spatial axis; empty: 1 and 0.
  std::vector<int64_t> strides, dilations, pads_begin, pads_end;
  // The padding is not explicit, so that nothing can be moved across it.
  bool auto_pad = false;
  // Of gru_sequence: the reset gate is applied behind the product.
  bool linear_before_reset = false;
  // Of concat, split, softmax and gather; negative: from the last one.
  std::optional<int64_t> axis;
  // Of interpolate: it only copies elements.
  bool nearest = false;
  // Outputs have their channels on the last axis, and not on axis 1. For all nodes of a framework
  // that lays images out like this: elementwise ops and pools hand on what convolutions begin.
  bool channels_last = false;
};

// A computation. Weights have the layouts of the op table: convolutions [O, I, ...], grouped ones
// [G, O / G, I / G, ...], transposed ones [I, O, ...] and [G, I / G, O / G, ...], embeddings [rows,
// width].
struct Node {
  std::string name;  // unique; what ignored scopes, plans and errors say
  std::string type;  // as the framework's users know it
  // A row of the op table ("convolution"), or "unknown". What inputs decide may be left open: a
  // depthwise convolution may be called a grouped one, and a division by a constant a division.
  std::string op;
  std::vector<int32_t> inputs;  // values; kNone: not connected
  std::vector<Output> outputs;
  Attributes attributes;
};

// Nodes in topological order, each constant before its first reader. Inputs of the network are
// nodes of op "parameter" in the order of Network::inputs(), outputs nodes of op "result".
struct Description {
  std::vector<std::variant<Constant, Node>> items;
};

// Input `port` of `node`.
struct Use {
  int32_t node = kNone;
  int32_t port = 0;
};

// A quantizer, as numbers. x becomes (clamp(round_half_even(x / scale) + zero_point, q_min, q_max)
// - zero_point) * scale, for these uses of `value`.
struct QuantizerInstruction {
  int32_t value = kNone;
  std::vector<Use> uses;
  bool weight = false;  // `value` is a constant
  bool symmetric = true;
  std::vector<int64_t> channel_axes;  // of `value`; empty: one scale
  std::vector<float> scale;           // one, or one for each channel (row-major over channel_axes)
  std::vector<int32_t> zero_point;    // as many
  int32_t q_min = 0, q_max = 255;     // the integers that x becomes lie between these
  int32_t group = kNone;              // members of a group have equal numbers
  // what a weight is stored as: i8; empty where weights stay float
  Tensor integers;
};

// Put `tensor`, of the same shape, in the place of a constant, for `uses` (all of them when empty).
struct ConstantInstruction {
  int32_t value = kNone;
  std::vector<Use> uses;
  Tensor tensor;
};

// From SmoothQuant: multiply `value` by `factor` (one for each channel of `axis`) in front of
// `uses`.
struct ScaleInstruction {
  int32_t value = kNone;
  std::vector<Use> uses;
  std::vector<float> factor;
  int64_t axis = 1;
};

// From bias correction, in the units of the output: add `shift` (one for each channel of `axis` of
// output 0) to the output of `node`, into its bias where it has one.
struct ShiftInstruction {
  int32_t node = kNone;
  int64_t axis = 1;
  std::vector<float> shift;
};

// A plan, in the order in which it is carried out.
struct Instructions {
  std::vector<ConstantInstruction> constants;
  std::vector<ScaleInstruction> scales;
  std::vector<ShiftInstruction> shifts;
  std::vector<QuantizerInstruction> quantizers;
};

// A quantizer whose range is to be found, where the network says itself what is quantized.
struct QuantizerRequest {
  int32_t value = kNone;
  std::vector<Use> uses;
  bool weight = false;
  int bits = 8;
  bool symmetric = true;
  bool narrow_range = false;
  std::optional<bool> is_signed;  // symmetric: unset: decided by the data
  std::vector<int64_t> channel_axes;
  int32_t group = kNone;
};

// Where the mean of a layer's output is compared: output 0 of `node`, whose `axis` has that many
// channels.
struct Probe {
  int32_t node = kNone;
  int64_t axis = 1;
  int64_t channels = 0;
};

// A value of the network, and the value of the second one that it is compared with.
struct Comparison {
  int32_t reference = kNone, other = kNone;
};

// Readers of `other` in the second network get `reference` of the first instead, after `other` has
// been compared.
struct Cut {
  int32_t reference = kNone, other = kNone;
};

// What an engine is asked to measure while it runs. Each kind holds what belongs to it and nothing
// else: what an engine lacks does not compile in it, or it throws Unsupported by name. Plans are
// valid while compile() runs, networks until the session is gone.

// Values of the network as it is, for Recorder::record.
struct Taps {
  std::vector<int32_t> values;
};

// Layers of a copy of the network in which `plan` is carried out, for Recorder::shift.
struct Probes {
  const Instructions* plan = nullptr;
  std::vector<Probe> probes;
};

// The network beside a copy of it in which `plan` is carried out, for Recorder::compare. Values
// have the same numbers in both.
struct PlanComparison {
  const Instructions* plan = nullptr;
  std::vector<Comparison> comparisons;
  std::vector<Cut> cuts;
};

// The network beside another one of the same backend with the same inputs, for Recorder::compare.
struct NetworkComparison {
  const class Network* other = nullptr;
  std::vector<Comparison> comparisons;
  std::vector<Cut> cuts;
  // nodes of `other` that hand on their first input
  std::vector<int32_t> bypassed;
};

using Measurement = std::variant<Taps, Probes, PlanComparison, NetworkComparison>;

// Takes tensors while a session runs: f32, contiguous, on the host; it copies what it keeps. The
// first argument is a place in the list of what is measured.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void record(int32_t tap, const float* data, std::span<const int64_t> shape) = 0;
  // What must be added to each channel of each sample of the run, [samples, channels], before the
  // value is read by others. Axis 0 of the tensor holds the samples of the run one after the other;
  // where it does not, one row is for all.
  virtual Tensor shift(int32_t probe, const float* data, std::span<const int64_t> shape) = 0;
  virtual void compare(int32_t comparison, const float* reference, const float* other,
                       std::span<const int64_t> shape) = 0;
};

// A measurement, compiled. It is run for one batch of samples after the other.
class Session {
 public:
  virtual ~Session() = default;
  // Runs the network once on checked inputs and hands every value that was asked for to the
  // recorder, once.
  virtual void run(std::span<const Tensor> inputs, Recorder& recorder) = 0;
};

// A model that measures taps faster than the network runs: its results of these names are the
// values of these numbers.
struct Twin {
  Model model;
  std::map<int32_t, std::string> results;
};

// What is quantized.
class Network {
 public:
  virtual ~Network() = default;

  virtual std::string_view backend() const = 0;  // the name of the framework, in messages
  virtual Description describe() const = 0;
  virtual std::vector<PortInfo> inputs() const = 0;
  virtual std::vector<PortInfo> outputs() const = 0;
  // How many samples may be stacked along axis 0 of all inputs for one run; each must give what it
  // gives alone.
  virtual int64_t largest_batch() const { return 1; }
  // Whether a run leaves something behind that the next one of its session reads. A session starts
  // as the network is.
  virtual bool stateful() const { return false; }
  // Set: what is quantized, instead of what the target device asks for.
  virtual std::optional<std::vector<QuantizerRequest>> requests() const { return std::nullopt; }

  // A new network with the plan carried out; this one stays as it is. `metadata` says what was
  // done, for whoever reads the model later.
  virtual std::shared_ptr<const Network> apply(
      const Instructions& instructions,
      const std::map<std::string, std::string>& metadata) const = 0;
};

// What runs networks of one framework, with as many threads as the framework is set to. It gets the
// network that it was wrapped with, and whatever apply() made of it.
class Engine {
 public:
  virtual ~Engine() = default;

  // Throws Unsupported for a kind of measurement that it does not have. The network outlives the
  // session.
  virtual std::unique_ptr<Session> compile(const Network& network,
                                           const Measurement& measurement) const = 0;
  // The outputs of the network for checked inputs, in order.
  virtual std::vector<Tensor> infer(const Network& network,
                                    std::span<const Tensor> inputs) const = 0;
  // Asked for before taps are measured; nothing: the network runs itself.
  virtual std::optional<Twin> twin(const Network& network) const { return std::nullopt; }
};

// The formulas of folding, for whoever rewrites a network before it is described. In f64 where the
// first tensor is, else in f32.

// y = x * factor + shift for each channel, each [channels].
struct Affine {
  Tensor factor, shift;
};
// What a batch norm computes with the means and variances of training. Empty `gamma`: ones; empty
// `beta`: zeros; the others are [channels].
Affine batch_norm(const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                  const Tensor& beta, double epsilon);

// A layer that does what `affine` did to its outputs. `axes` of the weight number its output
// channels, row-major; empty `bias`: it had none. Throws InvalidArgument where the numbers of
// channels differ.
struct Folded {
  Tensor weight, bias;  // of the weight's shape; [channels]
};
Folded fold(const Tensor& weight, const std::vector<int64_t>& axes, const Tensor& bias,
            const Affine& affine);

// An Einsum of an activation and a weight is a product of the activation, whose last `summed` axes
// are joined, and of the weight with its axes in `order`, the first `summed` of them joined to rows
// and the others to columns; the columns are taken apart again behind `kept` axes.
struct EinsumProduct {
  int64_t kept = 0, summed = 0;
  std::vector<int64_t> order;
};

// For networks that describe it as what it is, a mat_mul. weight_port: 0 or 1. rank: of the
// activation, for equations with an ellipsis. Nothing where the equation is no such product.
std::optional<EinsumProduct> einsum_product(std::string_view equation, int weight_port,
                                            std::optional<int64_t> rank);

// Throws ModelError when the description is broken.
Model wrap(std::shared_ptr<const Network> network, std::shared_ptr<const Engine> engine);

// The network behind a model; null where it is no external one.
std::shared_ptr<const Network> unwrap(const Model& model);

}  // namespace eightbit::external
