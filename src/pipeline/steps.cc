#include "pipeline/steps.h"

#include <nlohmann/json.hpp>

namespace eightbit {

void Steps::finish() {
  report_.seconds = since(begin_);
  if (run_.report != nullptr) *run_.report = report_;
}

double Steps::seconds_of(std::string_view name) const {
  double sum = 0;
  for (const StepTime& step : report_.steps)
    if (step.step == name) sum += step.seconds;
  return sum;
}

std::string Report::to_json() const {
  nlohmann::ordered_json j;
  j["seconds"] = seconds;
  j["steps"] = nlohmann::ordered_json::array();
  for (const StepTime& step : steps)
    j["steps"].push_back({{"step", step.step}, {"seconds", step.seconds}});
  j["expected"] = {{"peak_bytes", expected.peak_bytes},
                   {"model_bytes", expected.model_bytes},
                   {"seconds", expected.seconds}};
  j["samples"] = samples;
  j["activation_quantizers"] = activation_quantizers;
  j["weight_quantizers"] = weight_quantizers;
  j["corrected_biases"] = corrected_biases;
  j["notes"] = notes;
  if (trial) j["trial"] = nlohmann::ordered_json::parse(trial->to_json());
  if (!plan_json.empty()) j["plan"] = nlohmann::ordered_json::parse(plan_json);
  return j.dump(2);
}

}  // namespace eightbit
