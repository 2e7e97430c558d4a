// A Python iterator of samples as a SampleSource.
#pragma once

#include <eightbit/dataset.h>
#include <nanobind/nanobind.h>

#include <memory>
#include <optional>

namespace eightbit::python {

// One item of a dataset: an array (the only input), a list or tuple (inputs by position) or a dict
// (inputs by name; its key "nncf_reset_state" says whether the state of a stateful model is reset
// first). Throws DataError.
Sample to_sample(nanobind::object item, int64_t index);

// A Dataset whose open() calls `iterate` for a new Python iterator. Each is read once, front to
// back.
Dataset from_python(nanobind::object iterate, std::optional<int64_t> size, std::string fingerprint);

}  // namespace eightbit::python
