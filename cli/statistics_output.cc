#include "statistics_output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace eightbit::cli {

void print_statistics(Console& console, const Statistics& statistics, const std::string& path) {
  std::string text = statistics.summary();
  if (!text.ends_with('\n')) text += '\n';
  console.print(text + fmt::format("Saved to {}\n", path));
  const nlohmann::ordered_json json = {{"output", path},
                                       {"samples", statistics.samples()},
                                       {"points", statistics.points()},
                                       {"model_fingerprint", statistics.model_fingerprint()}};
  console.print_json(json.dump(2));
}

}  // namespace eightbit::cli
