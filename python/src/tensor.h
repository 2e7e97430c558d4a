// Tensors from and to Python arrays.
#pragma once

#include <eightbit/tensor.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <string_view>

namespace eightbit::python {

// Anything with DLPack, the buffer protocol or __array__ (NumPy, torch, TensorFlow, nested lists of
// numbers) on the host or copied to it. With `alone` (the caller's is the only reference to what
// holds `value`) a C-contiguous NumPy array that nobody else refers to is taken over without a
// copy; whatever somebody else could still write to is copied, because inference runs while the
// next sample is prepared. `what` begins the message of a DataError.
Tensor to_tensor(nanobind::handle value, bool alone, std::string_view what);

// A contiguous array on the host as it is; the object is kept. Throws InvalidArgument for anything
// else.
Tensor borrow_tensor(nanobind::handle value);

// An object with DLPack over the same bytes, for the framework's own from_dlpack().
nanobind::object to_dlpack_object(const Tensor& tensor);

// A NumPy array of bytes objects, of a tensor that holds strings (strings.h).
nanobind::object to_strings_array(const Tensor& tensor);

// A NumPy array over the same bytes; f32 for bf16, which NumPy lacks.
nanobind::object to_array(const Tensor& tensor);

}  // namespace eightbit::python
