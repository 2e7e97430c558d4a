// A sample for those who have none.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <vector>

namespace eightbit {

// Zeros for every input; 1 for a dimension that is not known.
Sample zeros(const std::vector<PortInfo>& inputs);

}  // namespace eightbit
