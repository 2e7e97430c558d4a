#include <eightbit/accuracy_control.h>
#include <eightbit/error.h>

#include <cstring>

#include "bindings.h"
#include "python_error.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

// The classes live in eightbit/errors.py, where they can derive from ValueError, OSError and the
// names of NNCF.
nb::object error_class(const char* name) {
  return nb::module_::import_("eightbit.errors").attr(name);
}

void set_error(const char* name, const std::exception& error) {
  // Names out of damaged models need not be UTF-8.
  const nb::object text = nb::steal(PyUnicode_DecodeUTF8(
      error.what(), static_cast<Py_ssize_t>(std::strlen(error.what())), "replace"));
  PyErr_SetObject(error_class(name).ptr(), text.ptr());
}

void set_error_with_cause(const LoaderError& error) {
  nb::object raised = error_class("DataError")(error.what());
  PyException_SetCause(raised.ptr(), nb::object(error.cause()).release().ptr());
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
}

// With the best model, of the framework of the float one.
void set_error_with_model(const AccuracyNotReached& error) {
  try {
    const nb::object model = nb::module_::import_("eightbit._models")
                                 .attr("from_native_model")(nb::cast(error.result().model));
    nb::object raised =
        error_class("AccuracyNotReached")(error.what(), model, nb::cast(error.result()));
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
  } catch (nb::python_error& failed) {
    failed.restore();
  }
}

void translate(const std::exception_ptr& pointer, void*) {
  try {
    std::rethrow_exception(pointer);
  } catch (const PythonInterrupted& error) {
    PyObject* exception = error.exception().ptr();
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
  } catch (const LoaderError& error) {
    set_error_with_cause(error);
  } catch (const InvalidArgument& error) {
    set_error("InvalidArgument", error);
  } catch (const Unsupported& error) {
    set_error("Unsupported", error);
  } catch (const ModelError& error) {
    set_error("ModelError", error);
  } catch (const DataError& error) {
    set_error("DataError", error);
  } catch (const AccuracyNotReached& error) {
    set_error_with_model(error);
  } catch (const Interrupted& error) {
    set_error("Interrupted", error);
  } catch (const FileError& error) {
    set_error("FileError", error);
  } catch (const InternalError& error) {
    set_error("InternalError", error);
  } catch (const Error& error) {
    set_error("Error", error);
  }
}

}  // namespace

std::shared_ptr<nb::object> share(nb::object object) {
  return {new nb::object(std::move(object)), [](nb::object* held) {
            if (!Py_IsInitialized()) return;  // at exit: the object is gone with its interpreter
            nb::gil_scoped_acquire gil;
            delete held;
          }};
}

void bind_error(nb::module_&) { nb::register_exception_translator(translate); }

}  // namespace eightbit::python
