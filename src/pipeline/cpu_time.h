// What a process has computed so far.
#pragma once

#include <ctime>

namespace eightbit {

// CPU time of all threads of this process, in seconds. What others do on the machine does not
// lengthen it.
inline double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace eightbit
