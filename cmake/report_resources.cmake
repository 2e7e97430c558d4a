# The parts of the report's page, with Chart.js from the system (libjs-chart.js), built into the library.
find_file(EIGHTBIT_CHART_JS NAMES chart.min.js chart.umd.js chart.umd.min.js
  PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist NO_DEFAULT_PATH
  DOC "Chart.js, minified, for the pages that 'eightbit report' writes")
if(EIGHTBIT_CHART_JS)
  set(report ${PROJECT_SOURCE_DIR}/src/analysis/report)
  set(EIGHTBIT_REPORT_RESOURCES ${PROJECT_BINARY_DIR}/report_resources.cc)
  set(files kPageHtml=${report}_page.html kPageCss=${report}_page.css kPageJs=${report}_page.js
    kChartLicense=${report}_chart_license.txt kChartJs=${EIGHTBIT_CHART_JS})
  add_custom_command(OUTPUT ${EIGHTBIT_REPORT_RESOURCES}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${EIGHTBIT_REPORT_RESOURCES} "-DFILES=${files}" -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${report}_page.html ${report}_page.css ${report}_page.js ${report}_chart_license.txt ${EIGHTBIT_CHART_JS}
      ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
else()
  message(WARNING "Chart.js was not found: reports will be JSON only. Install libjs-chart.js for pages.")
endif()
