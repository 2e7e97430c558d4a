#include "base/freed_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace eightbit {

void return_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void keep_no_large_blocks() {
#ifdef __GLIBC__
  constexpr int kLarge = 256 << 10;
  mallopt(M_MMAP_THRESHOLD, kLarge);
  mallopt(M_TRIM_THRESHOLD, kLarge);
  malloc_trim(0);
#endif
}

}  // namespace eightbit
