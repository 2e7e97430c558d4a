#include "openvino_model.h"

#include <eightbit/error.h>
#include <eightbit/openvino.h>
#include <fmt/format.h>

#include <typeinfo>

namespace nb = nanobind;

namespace eightbit::python {
namespace {

// pybind11's name for GCC's ABI, in which OpenVINO's wheel is built. Its conduit answers None to
// any other.
constexpr const char* kAbi = "system_libstdcpp_gxx_abi_1xxx_use_cxx11_abi_1";

// pybind11's cross-module protocol: an object hands out a pointer to its C++ object of the type
// that is asked for.
nb::object raw_pointer(nb::handle model) {
  nb::object inner = nb::getattr(model, "_Model__model", model);
  nb::object conduit = nb::getattr(inner, "_pybind11_conduit_v1_", nb::none());
  if (conduit.is_none()) return conduit;
  nb::object type = nb::steal(PyCapsule_New(const_cast<std::type_info*>(&openvino::model_type()),
                                            typeid(std::type_info).name(), nullptr));
  return conduit(nb::bytes(kAbi), type, nb::bytes("raw_pointer_ephemeral"));
}

}  // namespace

ov::Model& from_openvino(nb::handle model) {
  nb::object pointer = raw_pointer(model);
  if (!PyCapsule_CheckExact(pointer.ptr())) {
    throw Unsupported(fmt::format(
        "[model] a {} does not give access to an ov::Model. An openvino.Model of OpenVINO {} is "
        "needed.",
        nb::type_name(model.type()).c_str(), openvino::release()));
  }
  auto* found =
      static_cast<ov::Model*>(PyCapsule_GetPointer(pointer.ptr(), openvino::model_type().name()));
  if (found == nullptr) throw nb::python_error();
  return *found;
}

}  // namespace eightbit::python
