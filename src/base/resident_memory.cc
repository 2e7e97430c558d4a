#include "base/resident_memory.h"

#include <unistd.h>

#include <fstream>

namespace eightbit {

int64_t resident_bytes() {
  std::ifstream pages("/proc/self/statm");
  int64_t all = 0, resident = 0;
  if (!(pages >> all >> resident)) return 0;
  return resident * static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace eightbit
