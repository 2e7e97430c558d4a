// Memory that was freed and that the allocator still holds.
#pragma once

namespace eightbit {

// Gives it back to the system, as far as the C library can be asked to; else does nothing. Takes
// about a millisecond: for moments at which something large has gone, such as a compiled model.
void return_freed_memory();

}  // namespace eightbit
