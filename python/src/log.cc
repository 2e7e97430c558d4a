#include <eightbit/log.h>
#include <nanobind/stl/string_view.h>

#include "bindings.h"
#include "python_error.h"

namespace nb = nanobind;

namespace eightbit::python {
namespace {

int python_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return 10;
    case LogLevel::info:
      return 20;
    case LogLevel::warning:
      return 30;
    case LogLevel::error:
      return 40;
  }
  return 20;
}

// A handler that raises must not end a quantization. Ctrl-C, which Python notices wherever it runs
// next, is not the handler's: it is left to where runs are stopped (run.cc).
void write(const nb::object& logger, LogLevel level, std::string_view message) {
  nb::gil_scoped_acquire gil;
  try {
    logger.attr("log")(python_level(level), "%s", message);
  } catch (nb::python_error& error) {
    if (error.matches(PyExc_KeyboardInterrupt)) {
      PyErr_SetInterrupt();
    } else {
      error.discard_as_unraisable("eightbit log sink");
    }
  }
}

}  // namespace

// Messages go to logging.getLogger("eightbit"). Every function that may log runs without the GIL,
// since the sink is called under a lock.
void bind_log(nb::module_&) {
  auto logger = share(nb::module_::import_("logging").attr("getLogger")("eightbit"));
  set_log_sink(
      [logger](LogLevel level, std::string_view message) { write(*logger, level, message); });
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] { set_log_sink({}); }));
}

}  // namespace eightbit::python
