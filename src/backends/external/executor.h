// Runs samples through an external network and reduces what it hands over to records.
#pragma once

#include <memory>

#include "backends/binding.h"
#include "backends/external/model.h"

namespace eightbit::external {

backends::Binding binding_of(const ExternalModel& model);

// Samples are stacked where the network allows it; the records are those of each alone.
std::unique_ptr<backends::Executor> make_executor(const ExternalModel& model,
                                                  const backends::Program& program);

}  // namespace eightbit::external
