// Writing to the log sink: log(LogLevel::warning, "{} samples only", n).
#pragma once

#include <eightbit/log.h>
#include <fmt/format.h>

#include <utility>

namespace eightbit {

void write_log(LogLevel level, std::string_view message);

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
  write_log(level, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace eightbit
