// Calibration on its own: everything that any recipe may want to know later.
#include <eightbit/statistics.h>
#include <fmt/format.h>

#include "backends/network.h"
#include "base/error.h"
#include "pipeline/calibration.h"
#include "pipeline/measure.h"
#include "pipeline/memory_need.h"
#include "pipeline/run_facts.h"
#include "pipeline/steps.h"
#include "records/statistics_data.h"

namespace eightbit {

Statistics calibrate(const Model& model, const Dataset& dataset, const CalibrateOptions& options,
                     const RunOptions& how) {
  Steps steps(how);
  check(options, "calibrate");
  report_without_effect(without_effect(options), steps.report().notes);
  steps("read", [&] { model.impl().graph(); });
  const RunOptions run = within_memory("calibrate", Work::calibration, model.impl(), {}, {}, how,
                                       steps.report().expected);
  auto data = steps("calibrate", [&] {
    Calibration calibration = calibration_of(model.impl(), options);
    calibration.measured.on_speed = tell_time(Work::calibration, {}, steps);
    return measure(model.impl(), std::move(calibration.points), std::move(calibration.layers),
                   dataset, calibration.measured, run);
  });
  steps.report().samples = data.samples();
  steps.finish();
  return Statistics(std::make_shared<const records::StatisticsData>(std::move(data)));
}

std::string fingerprint_of(const Model& model) { return model.impl().fingerprint(); }

Statistics Statistics::load(const std::filesystem::path& path) {
  return Statistics(
      std::make_shared<const records::StatisticsData>(records::StatisticsData::load(path)));
}

void Statistics::save(const std::filesystem::path& path, bool overwrite) const {
  data().save(path, overwrite);
}

Statistics Statistics::merge(std::span<const Statistics> parts) {
  if (parts.empty())
    fail<InvalidArgument>("merge", "there is nothing to merge. Give at least one part.");
  const records::StatisticsData& first = parts.front().data();
  records::StatisticsData merged(first.model_fingerprint(), first.data_fingerprint(),
                                 first.points(), first.layers());
  merged.options = first.options;
  for (const Statistics& part : parts) merged.merge(part.data());
  return Statistics(std::make_shared<const records::StatisticsData>(std::move(merged)));
}

const records::StatisticsData& Statistics::data() const {
  if (data_ == nullptr)
    fail<InvalidArgument>("statistics",
                          "these statistics are empty. Make them with calibrate() or load().");
  return *data_;
}

int64_t Statistics::samples() const { return data().samples(); }
int64_t Statistics::points() const { return static_cast<int64_t>(data().points().size()); }
std::string Statistics::model_fingerprint() const { return data().model_fingerprint(); }

std::string Statistics::summary() const {
  return fmt::format("{} samples, {} points, {} kept inputs, model {}", samples(), points(),
                     data().kept_samples.size(), model_fingerprint());
}

}  // namespace eightbit
