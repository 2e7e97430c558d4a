#include "tensor.h"

#include <eightbit/error.h>
#include <eightbit/strings.h>
#include <fmt/format.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "bindings.h"
#include "python_error.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

DType integer_type(uint8_t bits, bool is_signed) {
  switch (bits) {
    case 8:
      return is_signed ? DType::i8 : DType::u8;
    case 16:
      return is_signed ? DType::i16 : DType::u16;
    case 32:
      return is_signed ? DType::i32 : DType::u32;
    case 64:
      return is_signed ? DType::i64 : DType::u64;
    default:
      return DType::undefined;
  }
}

DType float_type(uint8_t bits) {
  return bits == 16   ? DType::f16
         : bits == 32 ? DType::f32
         : bits == 64 ? DType::f64
                      : DType::undefined;
}

DType to_dtype(nb::dlpack::dtype type) {
  if (type.lanes != 1) return DType::undefined;
  switch (static_cast<nb::dlpack::dtype_code>(type.code)) {
    case nb::dlpack::dtype_code::Bool:
      return DType::boolean;
    case nb::dlpack::dtype_code::Int:
      return integer_type(type.bits, true);
    case nb::dlpack::dtype_code::UInt:
      return integer_type(type.bits, false);
    case nb::dlpack::dtype_code::Float:
      return float_type(type.bits);
    case nb::dlpack::dtype_code::Bfloat:
      return type.bits == 16 ? DType::bf16 : DType::undefined;
    default:
      return DType::undefined;
  }
}

nb::dlpack::dtype to_dlpack(DType type) {
  const auto make = [](nb::dlpack::dtype_code code, size_t bits) {
    return nb::dlpack::dtype{static_cast<uint8_t>(code), static_cast<uint8_t>(bits), 1};
  };
  if (type == DType::boolean) return make(nb::dlpack::dtype_code::Bool, 8);
  if (type == DType::bf16) return make(nb::dlpack::dtype_code::Bfloat, 16);
  if (is_float(type)) return make(nb::dlpack::dtype_code::Float, bits_of(type));
  const bool is_unsigned =
      type == DType::u8 || type == DType::u16 || type == DType::u32 || type == DType::u64;
  return make(is_unsigned ? nb::dlpack::dtype_code::UInt : nb::dlpack::dtype_code::Int,
              bits_of(type));
}

bool is_numpy_array(nb::handle value) {
  static const nb::handle type =
      nb::object(nb::module_::import_("numpy").attr("ndarray")).release();
  return value.type().is(type);
}

// True when `value`, referenced `references` times by the caller, is a NumPy array whose memory
// nobody else holds.
bool held_alone(nb::handle value, Py_ssize_t references) {
  if (!is_numpy_array(value) || Py_REFCNT(value.ptr()) > references) return false;
  nb::object base = value.attr("base");
  return base.is_none() || held_alone(base, 2);  // the view's reference and `base` itself
}

bool is_openvino_tensor(nb::handle value) {
  return nb::cast<std::string>(value.type().attr("__name__")) == "Tensor" &&
         nb::hasattr(value.type(), "str_data") && nb::hasattr(value.type(), "element_type");
}

// What is in an openvino.Tensor, as a NumPy array.
nb::object opened(nb::handle value) {
  const bool strings =
      std::string_view(nb::repr(value.attr("element_type")).c_str()).find("string") !=
      std::string_view::npos;
  return value.attr(strings ? "str_data" : "data");
}

// An array of strings, or of objects that all are; None for any other value. A bare string is no
// array.
nb::object as_strings(nb::handle value) {
  if (nb::isinstance<nb::str>(value) || nb::isinstance<nb::bytes>(value)) return nb::none();
  if (nb::hasattr(value, "__dlpack__") && !is_numpy_array(value)) return nb::none();
  nb::object array = nb::module_::import_("numpy").attr("asarray")(value);
  const auto kind = nb::cast<std::string>(array.attr("dtype").attr("kind"));
  if (kind == "U" || kind == "S" || kind == "T") return array;
  if (kind != "O") return nb::none();
  for (nb::handle item : array.attr("ravel")().attr("tolist")())
    if (!nb::isinstance<nb::str>(item) && !nb::isinstance<nb::bytes>(item)) return nb::none();
  return array;
}

std::string utf8(nb::handle item) {
  if (nb::isinstance<nb::str>(item)) return nb::cast<std::string>(item);
  const auto bytes = nb::cast<nb::bytes>(item);
  return {bytes.c_str(), bytes.size()};
}

Tensor string_tensor(nb::handle array) {
  std::vector<std::string> values;
  for (nb::handle item : array.attr("ravel")().attr("tolist")()) values.push_back(utf8(item));
  Shape shape;
  for (nb::handle size : array.attr("shape")) shape.push_back(nb::cast<int64_t>(size));
  return from_strings(values, shape);
}

// Host arrays as nanobind takes them; else through torch's own way to a plain host tensor, else
// through NumPy.
bool import_array(nb::handle value, Array& array) {
  if (nb::try_cast(value, array)) return true;
  PyErr_Clear();
  nb::object host = nb::borrow(value);
  for (const char* step : {"detach", "cpu"}) {
    if (nb::hasattr(host, step)) host = host.attr(step)();
  }
  if (!host.is(value) && nb::try_cast(host, array)) return true;
  PyErr_Clear();
  return nb::try_cast(nb::module_::import_("numpy").attr("asarray")(host), array);
}

[[noreturn]] void refuse(nb::handle value, std::string_view what, std::string_view reason = "") {
  throw DataError(fmt::format(
      "[dataset] {} is of type {}, which gives no array of numbers{}. Pass a NumPy array or "
      "anything that converts to one.",
      what, nb::type_name(value.type()).c_str(), reason));
}

Tensor copy_of(const Tensor& tensor) {
  Tensor copy = Tensor::allocate(tensor.dtype, tensor.shape);
  if (tensor.byte_size() > 0) std::memcpy(copy.mutable_data(), tensor.data, tensor.byte_size());
  return copy;
}

}  // namespace

Tensor to_tensor(nb::handle value, bool alone, std::string_view what) {
  if (is_openvino_tensor(value)) return to_tensor(opened(value), false, what);
  const bool take_over =
      alone && held_alone(value, 1) && nb::cast<bool>(value.attr("flags").attr("c_contiguous"));
  Array array;
  try {
    if (!import_array(value, array)) {
      const nb::object strings = as_strings(value);
      if (strings.is_none()) refuse(value, what);
      return string_tensor(strings);
    }
  } catch (nb::python_error& error) {
    refuse(value, what, fmt::format(": {}", error.what()));
  }
  Tensor tensor;
  tensor.dtype = to_dtype(array.dtype());
  if (tensor.dtype == DType::undefined) refuse(value, what);
  for (size_t axis = 0; axis < array.ndim(); ++axis)
    tensor.shape.push_back(static_cast<int64_t>(array.shape(axis)));
  tensor.data = static_cast<const std::byte*>(array.data());
  if (!take_over) return copy_of(tensor);
  tensor.owner = share(nb::borrow(value));
  return tensor;
}

Tensor borrow_tensor(nb::handle value) {
  Array array;
  if (!nb::try_cast(value, array, false)) {
    PyErr_Clear();
    throw InvalidArgument(fmt::format("[tensor] a {} is no contiguous array on the host.",
                                      nb::type_name(value.type()).c_str()));
  }
  Tensor tensor;
  tensor.dtype = to_dtype(array.dtype());
  for (size_t axis = 0; axis < array.ndim(); ++axis)
    tensor.shape.push_back(static_cast<int64_t>(array.shape(axis)));
  tensor.data = static_cast<const std::byte*>(array.data());
  tensor.owner = share(nb::borrow(value));
  return tensor;
}

namespace {

nb::capsule keep_alive(const Tensor& tensor) {
  return nb::capsule(new std::shared_ptr<const void>(tensor.owner), [](void* held) noexcept {
    delete static_cast<std::shared_ptr<const void>*>(held);
  });
}

}  // namespace

nb::object to_dlpack_object(const Tensor& tensor) {
  std::vector<size_t> shape(tensor.shape.begin(), tensor.shape.end());
  return nb::ndarray<>(const_cast<std::byte*>(tensor.data), shape.size(), shape.data(),
                       keep_alive(tensor), nullptr, to_dlpack(tensor.dtype))
      .cast();
}

nb::object to_strings_array(const Tensor& tensor) {
  nb::list items;
  for (const std::string& item : to_strings(tensor))
    items.append(nb::bytes(item.data(), item.size()));
  const Shape shape(tensor.shape.begin(), tensor.shape.end() - 1);
  return nb::module_::import_("numpy")
      .attr("array")(items, nb::arg("dtype") = "object")
      .attr("reshape")(shape);
}

nb::object to_array(const Tensor& tensor) {
  if (tensor.dtype == DType::bf16)
    return to_array(Tensor::from_floats(to_floats(tensor), tensor.shape));
  std::vector<size_t> shape(tensor.shape.begin(), tensor.shape.end());
  return nb::ndarray<nb::numpy, nb::ro>(tensor.data, shape.size(), shape.data(), keep_alive(tensor),
                                        nullptr, to_dlpack(tensor.dtype))
      .cast();
}

void bind_tensor(nb::module_& module) {
  nb::enum_<DType>(module, "DType", "Element types.")
      .value("bool", DType::boolean)
      .value("string", DType::string)
      .value("i8", DType::i8)
      .value("u8", DType::u8)
      .value("i16", DType::i16)
      .value("u16", DType::u16)
      .value("i32", DType::i32)
      .value("u32", DType::u32)
      .value("i64", DType::i64)
      .value("u64", DType::u64)
      .value("bf16", DType::bf16)
      .value("f16", DType::f16)
      .value("f32", DType::f32)
      .value("f64", DType::f64);
}

}  // namespace eightbit::python
