// Files that were built in (cmake/embed.cmake).
#pragma once

#include <string_view>

namespace eightbit::resources {

extern const std::string_view kPageHtml, kPageCss, kPageJs, kChartJs, kChartLicense;

}  // namespace eightbit::resources
