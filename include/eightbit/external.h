// Models of frameworks that are not linked in: the caller describes the network, runs it and
// carries out a plan, and everything between is done here.
//
//   class MyNetwork : public eightbit::external::Network { ... };
//   auto quantized = eightbit::quantize(eightbit::external::wrap(std::make_shared<MyNetwork>()),
//   dataset); auto mine = std::dynamic_pointer_cast<const
//   MyNetwork>(eightbit::external::unwrap(quantized));
//
// Values are numbered in the order in which constants and outputs of nodes stand in the
// description, nodes in their own order. A network is called from one thread at a time; what it
// throws reaches the caller of quantize().
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
#include <utility>
#include <variant>
#include <vector>

namespace eightbit::external {

inline constexpr int32_t kNone = -1;

struct Constant {
  std::string name;        // as the framework's users know it
  Tensor tensor;           // borrowed: its owner keeps the bytes
  bool quantized = false;  // the result of a dequantization
};

struct Output {
  DType dtype = DType::undefined;
  Shape shape;  // -1: not known
  bool rank_known = true;
};

// What some ops need to know beyond their inputs.
struct Attributes {
  bool transpose_a = false, transpose_b = false;                  // mat_mul
  std::vector<int64_t> strides, dilations, pads_begin, pads_end;  // convolutions and pools
  bool auto_pad = false;                                          // padding not explicit
  bool linear_before_reset = false;                               // gru_sequence
  // concat, split, softmax, gather
  std::optional<int64_t> axis;
  // interpolate that only copies elements
  bool nearest = false;
  // Outputs have their channels on the last axis, and not on axis 1. For all nodes of a framework
  // that lays images out like this: elementwise ops and pools hand on what convolutions begin.
  bool channels_last = false;
};

// Weights have the layouts of the op table: convolutions [O, I, ...], grouped ones [G, O / G, I /
// G, ...], transposed ones [I, O, ...] and [G, I / G, O / G, ...], embeddings [rows, width].
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

// x becomes (clamp(round_half_even(x / scale) + zero_point, q_min, q_max) - zero_point) * scale,
// for these uses of `value`.
struct QuantizerInstruction {
  int32_t value = kNone;
  std::vector<Use> uses;
  bool weight = false;  // `value` is a constant
  bool symmetric = true;
  std::vector<int64_t> channel_axes;  // of `value`; empty: one scale
  std::vector<float> scale;           // one, or one for each channel (row-major over channel_axes)
  std::vector<int32_t> zero_point;    // as many
  int32_t q_min = 0, q_max = 255;
  int32_t group = kNone;  // members of a group have equal numbers
  // what a weight is stored as: i8; empty where weights stay float
  Tensor integers;
};

// Put `tensor` in the place of a constant, for `uses` (all of them when empty).
struct ConstantInstruction {
  int32_t value = kNone;
  std::vector<Use> uses;
  Tensor tensor;
};

// Multiply `value` by `factor` (one for each channel of `axis`) in front of `uses`.
struct ScaleInstruction {
  int32_t value = kNone;
  std::vector<Use> uses;
  std::vector<float> factor;
  int64_t axis = 1;
};

// Add `shift` (one for each channel of `axis` of output 0) to the output of `node`, into its bias
// where it has one.
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

// Where the mean of a layer's output is compared.
struct Probe {
  int32_t node = kNone;
  int64_t axis = 1;
  int64_t channels = 0;
};

// Readers of `planned` in the second network get `reference` of this one instead.
struct Cut {
  int32_t reference = kNone, planned = kNone;
};

// What a session is asked to measure while it runs.
struct Request {
  // values of the network, for Recorder::record
  std::vector<int32_t> taps;
  // a second copy of the network with this carried out,
  const Instructions* plan = nullptr;
  // or another network with the same inputs
  const class Network* other = nullptr;
  std::vector<Probe> probes;  // on the second one, for Recorder::shift
  // value here and in the second one, for Recorder::compare
  std::vector<std::pair<int32_t, int32_t>> comparisons;
  std::vector<Cut> cuts;  // after the value has been compared
  // nodes of `other` that hand on their first input
  std::vector<int32_t> bypassed;
  int threads = 0;  // 0: all cores
};

// Takes tensors while a session runs: f32, contiguous, on the host.
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

class Network {
 public:
  virtual ~Network() = default;

  virtual std::string_view backend() const = 0;
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

  virtual std::unique_ptr<Session> compile(const Request& request) const = 0;
  virtual std::shared_ptr<const Network> apply(
      const Instructions& instructions,
      const std::map<std::string, std::string>& metadata) const = 0;
  virtual std::vector<Tensor> infer(std::span<const Tensor> inputs) const = 0;
  // Asked for before taps are measured; nothing: the network runs itself.
  virtual std::optional<Twin> twin() const { return std::nullopt; }
};

// Throws ModelError when the description is broken.
Model wrap(std::shared_ptr<const Network> network);

// The network behind a model; null where it is no external one.
std::shared_ptr<const Network> unwrap(const Model& model);

}  // namespace eightbit::external
