// Networks and engines that are Python objects. A network has
//   backend, inputs, outputs (lists of PortInfo), largest_batch, stateful
//   describe(description), requests() -> list | None, apply(instructions, metadata) -> network
// an engine
//   compile(network, measurement) -> session, infer(network, inputs) -> list,
//   twin(network) -> (Model, {value: name of a result}) | None
// and a session run(inputs, recorder). Tensors come as objects with DLPack, strings as arrays of
// bytes. What they raise reaches the caller as it is.
#include <eightbit/external.h>
#include <eightbit/strings.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "python_error.h"
#include "tensor.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

using namespace nb::literals;
using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

nb::list to_objects(std::span<const Tensor> tensors) {
  nb::list out;
  for (const Tensor& tensor : tensors)
    out.append(holds_strings(tensor) ? to_strings_array(tensor) : to_dlpack_object(tensor));
  return out;
}

class PythonSession final : public external::Session {
 public:
  explicit PythonSession(nb::object session) : session_(share(std::move(session))) {}

  void run(std::span<const Tensor> inputs, external::Recorder& recorder) override {
    nb::gil_scoped_acquire gil;
    session_->attr("run")(to_objects(inputs), nb::cast(&recorder, nb::rv_policy::reference));
  }

 private:
  std::shared_ptr<nb::object> session_;
};

class PythonNetwork final : public external::Network {
 public:
  explicit PythonNetwork(nb::object network)
      : network_(share(std::move(network))),
        backend_(nb::cast<std::string>(network_->attr("backend"))) {}

  const nb::object& object() const { return *network_; }

  std::string_view backend() const override { return backend_; }

  external::Description describe() const override {
    nb::gil_scoped_acquire gil;
    external::Description description;
    network_->attr("describe")(nb::cast(&description, nb::rv_policy::reference));
    return description;
  }

  std::vector<PortInfo> inputs() const override {
    return attribute<std::vector<PortInfo>>("inputs");
  }
  std::vector<PortInfo> outputs() const override {
    return attribute<std::vector<PortInfo>>("outputs");
  }
  int64_t largest_batch() const override { return attribute<int64_t>("largest_batch"); }
  bool stateful() const override { return attribute<bool>("stateful"); }

  std::optional<std::vector<external::QuantizerRequest>> requests() const override {
    nb::gil_scoped_acquire gil;
    return nb::cast<std::optional<std::vector<external::QuantizerRequest>>>(
        network_->attr("requests")());
  }

  std::shared_ptr<const external::Network> apply(
      const external::Instructions& instructions,
      const std::map<std::string, std::string>& metadata) const override {
    nb::gil_scoped_acquire gil;
    return std::make_shared<PythonNetwork>(
        network_->attr("apply")(nb::cast(&instructions, nb::rv_policy::reference), metadata));
  }

 private:
  template <typename T>
  T attribute(const char* name) const {
    nb::gil_scoped_acquire gil;
    return nb::cast<T>(network_->attr(name));
  }

  std::shared_ptr<nb::object> network_;
  std::string backend_;
};

// The network itself; None for one that is no Python object.
nb::object object_of(const external::Network& network) {
  const auto* native = dynamic_cast<const PythonNetwork*>(&network);
  return native ? native->object() : nb::none();
}

class PythonEngine final : public external::Engine {
 public:
  explicit PythonEngine(nb::object engine) : engine_(share(std::move(engine))) {}

  std::unique_ptr<external::Session> compile(
      const external::Network& network, const external::Measurement& measurement) const override {
    nb::gil_scoped_acquire gil;
    const nb::object kind = std::visit(
        [](const auto& one) { return nb::cast(&one, nb::rv_policy::reference); }, measurement);
    return std::make_unique<PythonSession>(engine_->attr("compile")(object_of(network), kind));
  }

  std::vector<Tensor> infer(const external::Network& network,
                            std::span<const Tensor> inputs) const override {
    nb::gil_scoped_acquire gil;
    std::vector<Tensor> out;
    for (nb::handle result : engine_->attr("infer")(object_of(network), to_objects(inputs)))
      out.push_back(borrow_tensor(result));
    return out;
  }

  std::optional<external::Twin> twin(const external::Network& network) const override {
    nb::gil_scoped_acquire gil;
    nb::object found = engine_->attr("twin")(object_of(network));
    if (found.is_none()) return std::nullopt;
    return external::Twin{nb::cast<Model>(found[0]),
                          nb::cast<std::map<int32_t, std::string>>(found[1])};
  }

 private:
  std::shared_ptr<nb::object> engine_;
};

Model wrap_network(nb::object network, nb::object engine) {
  auto native = std::make_shared<PythonNetwork>(std::move(network));
  auto runs_it = std::make_shared<PythonEngine>(std::move(engine));
  WithoutGil release;
  return external::wrap(std::move(native), std::move(runs_it));
}

nb::object network_of(const Model& model) {
  const auto network = std::dynamic_pointer_cast<const PythonNetwork>(external::unwrap(model));
  return network ? network->object() : nb::none();
}

// Pairs of numbers, the first network's in front.
template <typename Pair>
std::vector<std::pair<int32_t, int32_t>> pairs_of(const std::vector<Pair>& all) {
  std::vector<std::pair<int32_t, int32_t>> pairs;
  for (const Pair& one : all) pairs.emplace_back(one.reference, one.other);
  return pairs;
}

std::vector<int64_t> shape_of(const Floats& array) {
  return {array.shape_ptr(), array.shape_ptr() + array.ndim()};
}

int32_t value_count(const external::Description& description) {
  int32_t count = 0;
  for (const auto& item : description.items) {
    const auto* node = std::get_if<external::Node>(&item);
    count += node ? static_cast<int32_t>(node->outputs.size()) : 1;
  }
  return count;
}

void bind_description(nb::module_& module) {
  using namespace external;
  nb::class_<Attributes>(module, "NodeAttributes")
      .def(nb::init<>())
      .def_rw("transpose_a", &Attributes::transpose_a)
      .def_rw("transpose_b", &Attributes::transpose_b)
      .def_rw("strides", &Attributes::strides)
      .def_rw("dilations", &Attributes::dilations)
      .def_rw("pads_begin", &Attributes::pads_begin)
      .def_rw("pads_end", &Attributes::pads_end)
      .def_rw("auto_pad", &Attributes::auto_pad)
      .def_rw("linear_before_reset", &Attributes::linear_before_reset)
      .def_rw("axis", &Attributes::axis, nb::arg().none())
      .def_rw("nearest", &Attributes::nearest)
      .def_rw("channels_last", &Attributes::channels_last);
  nb::class_<Description>(module, "Description", "What a network consists of.")
      .def(nb::init<>())
      .def(
          "add_constant",
          [](Description& self, const std::string& name, nb::handle tensor, bool quantized) {
            const int32_t id = value_count(self);
            self.items.emplace_back(Constant{name, borrow_tensor(tensor), quantized});
            return id;
          },
          "name"_a, "tensor"_a, "quantized"_a = false, "The number of its value.")
      .def(
          "add_node",
          [](Description& self, std::string name, std::string type, std::string op,
             std::vector<int32_t> inputs, const std::vector<std::pair<DType, Shape>>& outputs,
             const Attributes& attributes) {
            const int32_t first = value_count(self);
            Node node{std::move(name), std::move(type), std::move(op), std::move(inputs), {},
                      attributes};
            for (const auto& [dtype, shape] : outputs) node.outputs.push_back({dtype, shape});
            self.items.emplace_back(std::move(node));
            return first;
          },
          "name"_a, "type"_a, "op"_a, "inputs"_a, "outputs"_a, "attributes"_a = Attributes{},
          "The number of its first output.");
}

void bind_instructions(nb::module_& module) {
  using namespace external;
  nb::class_<Use>(module, "Use", "Input `port` of `node`.")
      .def(
          "__init__", [](Use* self, int32_t node, int32_t port) { new (self) Use{node, port}; },
          "node"_a, "port"_a)
      .def_ro("node", &Use::node)
      .def_ro("port", &Use::port);
  nb::class_<QuantizerInstruction>(module, "QuantizerInstruction")
      .def_ro("value", &QuantizerInstruction::value)
      .def_ro("uses", &QuantizerInstruction::uses)
      .def_ro("weight", &QuantizerInstruction::weight)
      .def_ro("symmetric", &QuantizerInstruction::symmetric)
      .def_ro("channel_axes", &QuantizerInstruction::channel_axes)
      .def_ro("scale", &QuantizerInstruction::scale)
      .def_ro("zero_point", &QuantizerInstruction::zero_point)
      .def_ro("q_min", &QuantizerInstruction::q_min)
      .def_ro("q_max", &QuantizerInstruction::q_max)
      .def_ro("group", &QuantizerInstruction::group)
      .def_prop_ro("integers", [](const QuantizerInstruction& self) {
        return self.integers.empty() ? nb::none() : to_dlpack_object(self.integers);
      });
  nb::class_<ConstantInstruction>(module, "ConstantInstruction")
      .def_ro("value", &ConstantInstruction::value)
      .def_ro("uses", &ConstantInstruction::uses)
      .def_prop_ro("tensor",
                   [](const ConstantInstruction& self) { return to_dlpack_object(self.tensor); });
  nb::class_<ScaleInstruction>(module, "ScaleInstruction")
      .def_ro("value", &ScaleInstruction::value)
      .def_ro("uses", &ScaleInstruction::uses)
      .def_ro("factor", &ScaleInstruction::factor)
      .def_ro("axis", &ScaleInstruction::axis);
  nb::class_<ShiftInstruction>(module, "ShiftInstruction")
      .def_ro("node", &ShiftInstruction::node)
      .def_ro("axis", &ShiftInstruction::axis)
      .def_ro("shift", &ShiftInstruction::shift);
  nb::class_<Instructions>(module, "Instructions",
                           "A plan, in the order in which it is carried out.")
      .def_ro("constants", &Instructions::constants)
      .def_ro("scales", &Instructions::scales)
      .def_ro("shifts", &Instructions::shifts)
      .def_ro("quantizers", &Instructions::quantizers);
  nb::class_<QuantizerRequest>(module, "QuantizerRequest",
                               "A quantizer whose range is to be found.")
      .def(nb::init<>())
      .def_rw("value", &QuantizerRequest::value)
      .def_rw("uses", &QuantizerRequest::uses)
      .def_rw("weight", &QuantizerRequest::weight)
      .def_rw("bits", &QuantizerRequest::bits)
      .def_rw("symmetric", &QuantizerRequest::symmetric)
      .def_rw("narrow_range", &QuantizerRequest::narrow_range)
      .def_rw("is_signed", &QuantizerRequest::is_signed, nb::arg().none())
      .def_rw("channel_axes", &QuantizerRequest::channel_axes)
      .def_rw("group", &QuantizerRequest::group);
}

void bind_measuring(nb::module_& module) {
  using namespace external;
  nb::class_<Probe>(module, "Probe")
      .def_ro("node", &Probe::node)
      .def_ro("axis", &Probe::axis)
      .def_ro("channels", &Probe::channels);
  nb::class_<Taps>(module, "Taps", "Values of the network as it is.")
      .def_ro("values", &Taps::values);
  nb::class_<Probes>(module, "Probes", "Layers of a copy in which a plan is carried out.")
      .def_prop_ro(
          "plan", [](const Probes& self) { return self.plan; }, nb::rv_policy::reference)
      .def_ro("probes", &Probes::probes);
  nb::class_<PlanComparison>(module, "PlanComparison",
                             "The network beside a copy in which a plan is carried out.")
      .def_prop_ro(
          "plan", [](const PlanComparison& self) { return self.plan; }, nb::rv_policy::reference)
      .def_prop_ro("comparisons",
                   [](const PlanComparison& self) { return pairs_of(self.comparisons); })
      .def_prop_ro("cuts", [](const PlanComparison& self) { return pairs_of(self.cuts); });
  nb::class_<NetworkComparison>(module, "NetworkComparison",
                                "The network beside another one of the same framework.")
      .def_prop_ro("other", [](const NetworkComparison& self) { return object_of(*self.other); })
      .def_prop_ro("comparisons",
                   [](const NetworkComparison& self) { return pairs_of(self.comparisons); })
      .def_prop_ro("cuts", [](const NetworkComparison& self) { return pairs_of(self.cuts); })
      .def_ro("bypassed", &NetworkComparison::bypassed);
  nb::class_<Recorder>(module, "Recorder", "Takes f32 tensors while a session runs.")
      .def(
          "record",
          [](Recorder& self, int32_t tap, const Floats& value) {
            nb::gil_scoped_release release;
            self.record(tap, value.data(), shape_of(value));
          },
          "tap"_a, nb::arg("value").noconvert())
      .def(
          "shift",
          [](Recorder& self, int32_t probe, const Floats& value) {
            Tensor shifts;
            {
              nb::gil_scoped_release release;
              shifts = self.shift(probe, value.data(), shape_of(value));
            }
            return to_dlpack_object(shifts);
          },
          "probe"_a, nb::arg("value").noconvert())
      .def(
          "compare",
          [](Recorder& self, int32_t comparison, const Floats& reference, const Floats& other) {
            nb::gil_scoped_release release;
            if (shape_of(reference) != shape_of(other))
              throw InvalidArgument(
                  "[compare] two values that are compared differ in shape. Compare a model with "
                  "its quantized form.");
            self.compare(comparison, reference.data(), other.data(), shape_of(reference));
          },
          "comparison"_a, nb::arg("reference").noconvert(), nb::arg("other").noconvert());
}

// None is the empty tensor.
Tensor borrow_optional(nb::handle value) {
  return value.is_none() ? Tensor{} : borrow_tensor(value);
}

void bind_folding(nb::module_& module) {
  using namespace external;
  nb::class_<Affine>(module, "Affine", "y = x * factor + shift, for each channel.")
      .def(
          "__init__",
          [](Affine* self, nb::handle factor, nb::handle shift) {
            new (self) Affine{borrow_tensor(factor), borrow_tensor(shift)};
          },
          "factor"_a, "shift"_a);
  module.def(
      "batch_norm",
      [](nb::handle mean, nb::handle variance, nb::handle gamma, nb::handle beta, double epsilon) {
        return batch_norm(borrow_tensor(mean), borrow_tensor(variance), borrow_optional(gamma),
                          borrow_optional(beta), epsilon);
      },
      "mean"_a, "variance"_a, "gamma"_a.none(), "beta"_a.none(), "epsilon"_a,
      "What a batch norm does with the means and variances of training.");
  module.def(
      "fold_affine",
      [](nb::handle weight, const std::vector<int64_t>& axes, nb::handle bias,
         const Affine& affine) {
        Folded folded = fold(borrow_tensor(weight), axes, borrow_optional(bias), affine);
        return nb::make_tuple(to_dlpack_object(folded.weight), to_dlpack_object(folded.bias));
      },
      "weight"_a, "axes"_a, "bias"_a.none(), "affine"_a,
      "Weight and bias of a layer that does what the affine did to its outputs.");
}

}  // namespace

void bind_external(nb::module_& module) {
  bind_description(module);
  bind_instructions(module);
  bind_measuring(module);
  bind_folding(module);
  module.def("wrap_network", &wrap_network, "network"_a, "engine"_a,
             "A model whose network and engine are Python objects.");
  module.def(
      "einsum_product",
      [](const std::string& equation, int weight_port, std::optional<int64_t> rank)
          -> std::optional<std::tuple<int64_t, int64_t, std::vector<int64_t>>> {
        const auto found = external::einsum_product(equation, weight_port, rank);
        if (!found) return std::nullopt;
        return std::tuple(found->kept, found->summed, found->order);
      },
      "equation"_a, "weight_port"_a, "rank"_a,
      "Of an Einsum with a weight: how many axes are kept, how many are summed over, and the "
      "weight's axes in the order of "
      "the matrix; None where it is no product of matrices.");
  module.def("network_of", &network_of, "model"_a, "The Python object behind a model, or None.");
}

}  // namespace eightbit::python
