// Large blocks of memory, and what the allocator does with them once they are freed.
#pragma once

namespace eightbit {

// From now on they are the system's again at once, where the C library can be asked for it. glibc
// learns to keep blocks up to 32 MB, in gaps between what lives, where return_freed_memory() does
// not get at all of them. For the whole process, and for good: for runs whose memory is limited.
void keep_no_large_blocks();

}  // namespace eightbit
