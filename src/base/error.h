// Throwing errors with a place and a formatted text: fail<DataError>("calibrate", "sample {} ...",
// k).
#pragma once

#include <eightbit/error.h>
#include <fmt/format.h>

#include <utility>

namespace eightbit {

template <typename E, typename... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> text, Args&&... args) {
  throw E(fmt::format("[{}] {}", where, fmt::format(text, std::forward<Args>(args)...)));
}

}  // namespace eightbit

// States what must hold inside the library; a violation is our defect.
#define EIGHTBIT_CHECK(condition, ...)                                                      \
  do {                                                                                      \
    if (!(condition)) ::eightbit::fail<::eightbit::InternalError>("internal", __VA_ARGS__); \
  } while (false)
