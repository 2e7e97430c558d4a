// What the processor of this machine computes.
#pragma once

namespace eightbit {

// True when this processor adds pairs of products in int16.
bool processor_overflows();

}  // namespace eightbit
