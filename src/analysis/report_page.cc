// The page: its parts, one of them the chart library, and the report as JSON, in one file.
#include <eightbit/report.h>

#include "analysis/report_resources.h"
#include "base/error.h"

namespace eightbit {
namespace {

// Inside of a script element "</" would end it, and "<!--" hide its end.
std::string inside_script(std::string text) {
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos; at += 6)
    text.replace(at, 1, "\\u003c");
  return text;
}

void put(std::string& page, std::string_view place, std::string_view text) {
  const size_t at = page.find(place);
  EIGHTBIT_CHECK(at != std::string::npos, "the page has no place for {}", place);
  page.replace(at, place.size(), text);
}

}  // namespace

std::string ModelReport::to_html() const {
  std::string page(resources::kPageHtml);
  put(page, "{{license}}", resources::kChartLicense);
  put(page, "{{style}}", resources::kPageCss);
  put(page, "{{script}}", resources::kPageJs);
  put(page, "{{charts}}", resources::kChartJs);
  put(page, "{{report}}", inside_script(to_json()));
  return page;
}

}  // namespace eightbit
