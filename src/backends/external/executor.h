// Runs samples through an external network and reduces what it hands over to records.
#pragma once

#include <memory>

#include "backends/binding.h"
#include "backends/external/model.h"

namespace eightbit::external {

backends::Binding binding_of(const ExternalModel& model);

// Samples are stacked where the network allows it; the records are those of each alone. Throws
// Unsupported for switches, and for another network that is not of the same framework.
std::unique_ptr<backends::Executor> make_executor(const ExternalModel& model,
                                                  const backends::Measurement& measurement,
                                                  const backends::RunSettings& settings);

}  // namespace eightbit::external
