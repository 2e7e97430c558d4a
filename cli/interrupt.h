// Ctrl-C and SIGTERM. A request is noted and obeyed at the next progress report; where none comes
// within two seconds the process ends there, with the same status. Checkpoints are append-only and
// checked, so both ways are safe.
#pragma once

#include <filesystem>
#include <functional>

namespace eightbit::cli {

void catch_signals();
void throw_if_interrupted();  // throws Interrupted after a signal

// Runs `work`; an Interrupted from it says where the next run goes on, and a success removes the
// checkpoint.
void with_checkpoint(const std::filesystem::path& checkpoint, const std::function<void()>& work);

}  // namespace eightbit::cli
