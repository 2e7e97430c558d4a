#include "kernels/processor.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace eightbit {

bool processor_overflows() {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return true;
  const bool avx512_vnni = (c >> 11) & 1u, amx_int8 = (d >> 25) & 1u;
  unsigned a1 = 0;
  const bool avx_vnni = __get_cpuid_count(7, 1, &a1, &b, &c, &d) != 0 && ((a1 >> 4) & 1u);
  return !(avx512_vnni || amx_int8 || avx_vnni);
#else
  return false;
#endif
}

}  // namespace eightbit
