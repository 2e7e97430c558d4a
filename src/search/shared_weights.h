// Weights that several layers read, as a network that is run over several parts of its input has
// them: with a quantizer for each layer, such layers can be taken out of a plan one by one.
#pragma once

#include "quant/plan.h"

namespace eightbit::search {

// A quantizer, and the replacement of the constant, for each use. Computes the same.
Plan with_weights_apart(Plan plan);

// One for all uses where nothing has made them differ.
Plan with_weights_joined(Plan plan);

}  // namespace eightbit::search
