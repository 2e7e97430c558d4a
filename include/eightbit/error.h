// Errors of eightbit, by whose fault they are.
//
// Every failure is thrown as a child of `Error`. The text has the form
//   [where] what was wrong, with the values. What is allowed, or what to do.
// `where` is a verb ("quantize"), a kind of file ("recipe") or a part of the library ("onnx"). The
// library never prints and never aborts. A call that throws has changed nothing but files that its
// header names, such as a checkpoint. Exceptions of callbacks pass through as they are.
#pragma once

#include <stdexcept>
#include <string>

namespace eightbit {

// Of them all; what() is the text. Python has a class of the same name for each, which is also a
// class that its users know, such as ValueError or OSError ("Errors" in docs/use.md).
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The caller passed an option, a path or a combination that cannot work. Nothing was measured yet
// where options alone tell.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

// The request is sensible, but this build, backend or device cannot do it. The text says what to
// install or to convert, where that helps.
class Unsupported : public Error {
 public:
  using Error::Error;
};

// The model is broken or not what it claims to be; the text names node and op.
class ModelError : public Error {
 public:
  using Error::Error;
};

// A sample is missing, has the wrong name, shape or type, or holds NaN or Inf.
class DataError : public Error {
 public:
  using Error::Error;
};

// Ctrl-C or a stop request. What was measured so far has been kept where a checkpoint was asked
// for, and the best model so far where there is one (run.h).
class Interrupted : public Error {
 public:
  using Error::Error;
};

// A file could not be read or written: missing, no permission, disk full.
class FileError : public Error {
 public:
  using Error::Error;
};

// A defect in eightbit itself. Please report it.
class InternalError : public Error {
 public:
  using Error::Error;
};

}  // namespace eightbit
