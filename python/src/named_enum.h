// Enumerations with names (to_string, parse) are strings in Python, the members of the StrEnums of
// eightbit/parameters.py among them: no enumeration is listed a second time here. Included before
// anything is bound that takes or returns one. A text that is no name is a TypeError.
#pragma once

#include <eightbit/accuracy_control.h>
#include <eightbit/error.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/tensor.h>
#include <nanobind/nanobind.h>

#include <concepts>
#include <string_view>
#include <type_traits>

namespace eightbit::python {

// Element types are objects of their own.
template <typename T>
concept NamedEnum = std::is_enum_v<T> && !std::same_as<T, DType> && requires(T value) {
  { to_string(value) } -> std::same_as<std::string_view>;
};

}  // namespace eightbit::python

namespace nanobind::detail {

template <typename T>
  requires eightbit::python::NamedEnum<T>
struct type_caster<T, enable_if_t<std::is_enum_v<T>>> {
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    Py_ssize_t size = 0;
    const char* text =
        PyUnicode_Check(source.ptr()) ? PyUnicode_AsUTF8AndSize(source.ptr(), &size) : nullptr;
    if (!text) {
      PyErr_Clear();
      return false;
    }
    try {
      value = eightbit::parse<T>(std::string_view(text, static_cast<size_t>(size)));
      return true;
    } catch (const eightbit::Error&) {
      return false;
    }
  }

  static handle from_cpp(T source, rv_policy, cleanup_list*) noexcept {
    const std::string_view name = to_string(source);
    return PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
  }

  NB_TYPE_CASTER(T, const_name("str"))
};

}  // namespace nanobind::detail
