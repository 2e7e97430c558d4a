// Memory that was freed and that the allocator still holds.
#pragma once

namespace eightbit {

// Gives it back to the system, as far as the C library can be asked to; else does nothing. Takes
// about a millisecond: for moments at which something large has gone, such as a compiled model.
void return_freed_memory();

// From now on large blocks are the system's again as soon as they are freed, where the C library
// can be asked for it. glibc learns to keep blocks up to 32 MB, in gaps between what lives, where
// return_freed_memory() does not get at all of them. For the whole process, and for good: for runs
// whose memory is limited.
void keep_no_large_blocks();

}  // namespace eightbit
