#include "python_source.h"

#include <fmt/format.h>

#include "python_error.h"
#include "tensor.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

constexpr const char* kResetStateKey = "nncf_reset_state";

void add_by_position(PyObject* sequence, bool alone, const std::string& where, Sample& sample) {
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
  for (Py_ssize_t i = 0; i < count; ++i) {
    const std::string what = fmt::format("{}, input {}", where, i);
    sample.inputs.push_back({"", to_tensor(PySequence_Fast_GET_ITEM(sequence, i), alone, what)});
  }
}

void add_by_name(PyObject* dict, bool alone, const std::string& where, Sample& sample) {
  PyObject *key = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value);) {
    const std::string name = nb::str(nb::handle(key)).c_str();
    if (name == kResetStateKey) {
      sample.reset_state = PyObject_IsTrue(value) == 1;
    } else {
      sample.inputs.push_back(
          {name, to_tensor(value, alone, fmt::format("{}, input '{}'", where, name))});
    }
  }
}

// Mappings that are no dict, such as the batches of Hugging Face's tokenizers.
nb::object as_dict(nb::object item) {
  const bool mapping =
      !PyDict_Check(item.ptr()) && nb::hasattr(item, "keys") && nb::hasattr(item, "__getitem__");
  return mapping ? nb::module_::import_("builtins").attr("dict")(item) : item;
}

class PythonSource : public SampleSource {
 public:
  PythonSource(nb::object iterator, std::optional<int64_t> size, std::string fingerprint)
      : iterator_(share(std::move(iterator))), size_(size), fingerprint_(std::move(fingerprint)) {}

  std::optional<Sample> next() override {
    nb::gil_scoped_acquire gil;
    nb::object item = take();
    if (!item.is_valid()) return std::nullopt;
    return to_sample(std::move(item), index_++);
  }

  std::optional<int64_t> size() const override { return size_; }
  std::string fingerprint() const override { return fingerprint_; }

  void skip(int64_t count) override {
    nb::gil_scoped_acquire gil;
    for (; count > 0 && take().is_valid(); --count) ++index_;
  }

 private:
  // The next item, or an invalid object at the end.
  nb::object take() const {
    nb::object item = nb::steal(PyIter_Next(iterator_->ptr()));
    if (!item.is_valid() && PyErr_Occurred()) raise();
    return item;
  }

  [[noreturn]] void raise() const {
    nb::python_error error;
    if (!error.matches(PyExc_Exception)) throw PythonInterrupted(nb::borrow(error.value()));
    const std::string type = nb::type_name(error.type()).c_str();
    throw LoaderError(fmt::format("[dataset] sample {} could not be loaded: {}: {}", index_, type,
                                  nb::str(error.value()).c_str()),
                      nb::borrow(error.value()));
  }

  std::shared_ptr<nb::object> iterator_;
  std::optional<int64_t> size_;
  std::string fingerprint_;
  int64_t index_ = 0;
};

}  // namespace

Sample to_sample(nb::object item, int64_t index) {
  const std::string where = fmt::format("sample {}", index);
  Sample sample;
  item = as_dict(std::move(item));
  const bool alone = Py_REFCNT(item.ptr()) == 1;
  if (PyDict_Check(item.ptr())) {
    add_by_name(item.ptr(), alone, where, sample);
  } else if (PyTuple_Check(item.ptr()) || PyList_Check(item.ptr())) {
    add_by_position(item.ptr(), alone, where, sample);
  } else {
    sample.inputs.push_back({"", to_tensor(item, alone, where)});
  }
  if (sample.inputs.empty()) {
    throw DataError(fmt::format(
        "[dataset] {} holds no inputs. An array, a list or tuple of arrays, or a dict of "
        "input names and arrays is needed.",
        where));
  }
  return sample;
}

Dataset from_python(nb::object iterate, std::optional<int64_t> size, std::string fingerprint) {
  return Dataset::from_source(
      [iterate = share(std::move(iterate)), size, fingerprint = std::move(fingerprint)] {
        nb::gil_scoped_acquire gil;
        return std::make_unique<PythonSource>((*iterate)(), size, fingerprint);
      });
}

}  // namespace eightbit::python
