#include <eightbit/error.h>
#include <eightbit/statistics.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>

#include "bindings.h"
#include "without_gil.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

Statistics merge(const std::vector<Statistics>& parts) { return Statistics::merge(parts); }

// Through a file of its own: the format has one reader and one writer.
class PassingFile {
 public:
  PassingFile() {
    std::string name = (std::filesystem::temp_directory_path() / "eightbit-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw FileError("[statistics] no temporary folder can be made. Set TMPDIR to a writable one");
    folder_ = name;
  }
  ~PassingFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::filesystem::path path() const { return folder_ / "statistics"; }

 private:
  std::filesystem::path folder_;
};

nb::bytes bytes_of(const Statistics& statistics) {
  const PassingFile file;
  statistics.save(file.path());
  std::ifstream stream(file.path(), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  return nb::bytes(bytes.data(), bytes.size());
}

Statistics statistics_of(const nb::bytes& bytes) {
  const PassingFile file;
  std::ofstream(file.path(), std::ios::binary)
      .write(bytes.c_str(), static_cast<std::streamsize>(bytes.size()));
  return Statistics::load(file.path());
}

void bind_calibrate_options(nb::module_& module) {
  nb::class_<CalibrateOptions>(module, "CalibrateOptions")
      .def(nb::init<>())
      .def_rw("subset_size", &CalibrateOptions::subset_size)
      .def_rw("kept_inputs", &CalibrateOptions::kept_inputs)
      .def_prop_rw(
          "shard",
          [](const CalibrateOptions& options) {
            return nb::make_tuple(options.shard.index, options.shard.count);
          },
          [](CalibrateOptions& options, std::pair<int64_t, int64_t> shard) {
            options.shard = {shard.first, shard.second};
          })
      .def_rw("model_type", &CalibrateOptions::model_type, nb::arg().none())
      .def_rw("activations_range_estimator_params",
              &CalibrateOptions::activations_range_estimator_params);
}

}  // namespace

void bind_statistics(nb::module_& module) {
  using release = nb::call_guard<WithoutGil>;
  nb::class_<Statistics>(module, "Statistics",
                         "What one pass over the data leaves behind: enough to quantize the same "
                         "model with any options,\n"
                         "without the data. Made by `eightbit.calibrate` or `Statistics.load`.")
      .def_static("load", &Statistics::load, nb::arg("path"), release(),
                  "Reads a statistics file. Raises FileError when it cannot be read, DataError "
                  "when it is damaged.")
      .def("save", &Statistics::save, nb::arg("path"), nb::arg("overwrite") = false, release(),
           "Writes the whole file or nothing. Raises FileError, also for an existing file unless "
           "`overwrite`.")
      .def_static("merge", &merge, nb::arg("parts"), release(),
                  "Joins the shards of one calibration, in any order. Raises InvalidArgument when "
                  "they come from\n"
                  "different models, points or data options, or overlap.")
      .def_prop_ro("samples", &Statistics::samples, "Number of samples measured.")
      .def_prop_ro("points", &Statistics::points,
                   "Number of values of the graph that were measured.")
      .def_prop_ro("model_fingerprint", &Statistics::model_fingerprint)
      .def("summary", &Statistics::summary, "Some lines for people.")
      .def("__getstate__", &bytes_of, "The bytes of its file.")
      .def("__setstate__", [](Statistics& self, const nb::bytes& bytes) {
        new (&self) Statistics(statistics_of(bytes));
      });
  bind_calibrate_options(module);
  module.def("inputs_for_any_options", [] { return kInputsForAnyOptions; });
  module.def("calibrate", &calibrate, nb::arg("model"), nb::arg("dataset"), nb::arg("options"),
             nb::arg("run"), release());
}

}  // namespace eightbit::python
