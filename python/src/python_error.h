// Python exceptions on their way through C++ code that knows nothing of Python.
#pragma once

#include <eightbit/error.h>
#include <nanobind/nanobind.h>

#include <memory>
#include <string>

namespace eightbit::python {

// Shares a Python object with threads that do not hold the GIL; the last owner takes it to let go.
std::shared_ptr<nanobind::object> share(nanobind::object object);

// A loader or a transform_func raised: becomes DataError, with the original as __cause__.
class LoaderError : public DataError {
 public:
  LoaderError(const std::string& text, nanobind::object cause)
      : DataError(text), cause_(share(std::move(cause))) {}
  const nanobind::object& cause() const { return *cause_; }

 private:
  std::shared_ptr<nanobind::object> cause_;
};

// KeyboardInterrupt, SystemExit and their like end the run and reach the caller as they are.
class PythonInterrupted : public Interrupted {
 public:
  explicit PythonInterrupted(nanobind::object exception)
      : Interrupted("[python] stopped by an exception"), exception_(share(std::move(exception))) {}
  const nanobind::object& exception() const { return *exception_; }

 private:
  std::shared_ptr<nanobind::object> exception_;
};

}  // namespace eightbit::python
