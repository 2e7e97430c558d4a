// How much memory the process holds, as the system counts it.
#pragma once

#include <cstdint>

namespace eightbit {

// Bytes that are resident now; 0 where the system does not tell.
int64_t resident_bytes();

}  // namespace eightbit
