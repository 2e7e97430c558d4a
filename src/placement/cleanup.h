// What is taken back once quantizers have come to rest.
#pragma once

#include "placement/selection.h"

namespace eightbit::placement {

// An elementwise op with a constant (one quantizable input) whose quantizer has passed no op and
// serves nobody else gains nothing from 8 bits. Returns these units.
std::vector<int> drop_for_constant_operand(const UnitGraph& units, Placement& placement);

// A quantizer below another one, with only agnostic ops between them, goes where it would change
// nothing; so does one below a fake quantize op of the model.
void drop_repeated(const UnitGraph& units, Placement& placement, const Selection& selection);

// Products of two activations take symmetric quantizers in transformers; whole groups follow.
void make_attention_symmetric(const Placement& placement, Selection& selection);

// CPU_SPR adds a floating point operand inside the kernel that computes it, so one operand of an
// add is left in float: the one that nobody else reads when the other is read elsewhere too;
// between two layers, the smaller one or the second.
struct FreedOperand {
  size_t quantizer = 0;
  Use use;
};
std::vector<FreedOperand> free_add_operands(const UnitGraph& units, const Placement& placement);

}  // namespace eightbit::placement
