// Networks that are Python objects. Such an object has
//   backend, inputs, outputs (lists of PortInfo), largest_batch, stateful
//   describe(description), requests() -> list | None, compile(request) -> session,
//   apply(instructions, metadata) -> network, infer(inputs) -> list,
//   twin() -> (Model, {value: name of a result}) | None
// and a session has run(inputs, recorder). Tensors come as objects with DLPack, strings as arrays
// of bytes. What they raise reaches the caller as it is.
#include <eightbit/external.h>
#include <eightbit/strings.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
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

  std::unique_ptr<external::Session> compile(const external::Request& request) const override {
    nb::gil_scoped_acquire gil;
    return std::make_unique<PythonSession>(
        network_->attr("compile")(nb::cast(&request, nb::rv_policy::reference)));
  }

  std::shared_ptr<const external::Network> apply(
      const external::Instructions& instructions,
      const std::map<std::string, std::string>& metadata) const override {
    nb::gil_scoped_acquire gil;
    return std::make_shared<PythonNetwork>(
        network_->attr("apply")(nb::cast(&instructions, nb::rv_policy::reference), metadata));
  }

  std::vector<Tensor> infer(std::span<const Tensor> inputs) const override {
    nb::gil_scoped_acquire gil;
    std::vector<Tensor> out;
    for (nb::handle result : network_->attr("infer")(to_objects(inputs)))
      out.push_back(borrow_tensor(result));
    return out;
  }

  std::optional<external::Twin> twin() const override {
    nb::gil_scoped_acquire gil;
    nb::object found = network_->attr("twin")();
    if (found.is_none()) return std::nullopt;
    return external::Twin{nb::cast<Model>(found[0]),
                          nb::cast<std::map<int32_t, std::string>>(found[1])};
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

Model wrap_network(nb::object network) {
  auto native = std::make_shared<PythonNetwork>(std::move(network));
  WithoutGil release;
  return external::wrap(std::move(native));
}

nb::object network_of(const Model& model) {
  const auto network = std::dynamic_pointer_cast<const PythonNetwork>(external::unwrap(model));
  return network ? network->object() : nb::none();
}

nb::object other_of(const external::Request& request) {
  const auto* other = dynamic_cast<const PythonNetwork*>(request.other);
  return other ? other->object() : nb::none();
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
  nb::class_<Request>(module, "Request", "What a session is asked to measure.")
      .def_ro("taps", &Request::taps)
      .def_prop_ro(
          "plan", [](const Request& self) { return self.plan; }, nb::rv_policy::reference)
      .def_prop_ro("other", &other_of)
      .def_ro("probes", &Request::probes)
      .def_ro("comparisons", &Request::comparisons)
      .def_prop_ro("cuts",
                   [](const Request& self) {
                     std::vector<std::pair<int32_t, int32_t>> pairs;
                     for (const Cut& cut : self.cuts)
                       pairs.emplace_back(cut.reference, cut.planned);
                     return pairs;
                   })
      .def_ro("bypassed", &Request::bypassed)
      .def_ro("threads", &Request::threads);
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

}  // namespace

void bind_external(nb::module_& module) {
  bind_description(module);
  bind_instructions(module);
  bind_measuring(module);
  module.def("wrap_network", &wrap_network, "network"_a,
             "A model whose network is a Python object.");
  module.def("network_of", &network_of, "model"_a, "The Python object behind a model, or None.");
}

}  // namespace eightbit::python
