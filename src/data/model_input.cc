#include "data/model_input.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace eightbit {

size_t target_input(const FileDatasetOptions& options) {
  if (options.input.empty() || options.model_input_names.empty()) return 0;
  const auto& names = options.model_input_names;
  const auto found = std::ranges::find(names, options.input);
  if (found == names.end())
    fail<InvalidArgument>("data", "the model has no input '{}'.{} Its inputs: {}", options.input,
                          suggestion(options.input, names), fmt::join(names, ", "));
  return static_cast<size_t>(found - names.begin());
}

}  // namespace eightbit
