// In the place of report_page.cc where the chart library was not there when eightbit was built.
#include <eightbit/report.h>

#include "base/error.h"

namespace eightbit {

std::string ModelReport::to_html() const {
  fail<Unsupported>("report",
                    "this build of eightbit cannot write the page: Chart.js was not found. Build "
                    "it with libjs-chart.js "
                    "installed, or save the report as .json");
}

}  // namespace eightbit
