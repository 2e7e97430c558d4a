// Ctrl-C and SIGTERM. A request is noted and obeyed at the next progress report; where none comes within two seconds
// the process ends there, with the same status. Checkpoints are append-only and checked, so both ways are safe.
#pragma once

namespace eightbit::cli {

void catch_signals();
void throw_if_interrupted();   // throws Interrupted once after a signal

}  // namespace eightbit::cli
