// Values that a sample need not have: those in the branch of an If that it does not take, in a loop
// that never runs, and tensors without elements.
#pragma once

namespace eightbit {

// The finite fraction of the record of such a value (see tap.h); the rest of the record is 0.
inline constexpr float kUnseen = -1;

}  // namespace eightbit
