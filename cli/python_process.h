// Programs of Python that the command line hands work to.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit::cli {

// What such a program ends with where the request is wrong; its last line of errors says why.
inline constexpr int kRefusedByPython = 2;

// $EIGHTBIT_PYTHON, which the package sets for its own command line, else python3.
std::string python_program();

struct Ended {
  int status = 0;         // -1: it could not be started
  std::string last_line;  // of what it printed as errors
};

// Runs `python -m module arguments` to its end. Each line that it prints as an error but the last
// one goes to `line`, as it comes.
Ended run_python(const std::string& module, const std::vector<std::string>& arguments,
                 const std::function<void(std::string_view)>& line = {});

}  // namespace eightbit::cli
