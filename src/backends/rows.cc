#include "backends/rows.h"

#include <algorithm>

namespace eightbit::backends {

void Rows::hand_out(std::span<const Part> parts, const RecordCallback& record) {
  int64_t items = 1;
  for (const Part& part : parts) items = std::max(items, part.rows);
  for (int64_t item = 0; item < items; ++item) {
    row_.clear();
    for (const Part& part : parts) {
      const size_t size = part.values.size() / static_cast<size_t>(part.rows);
      const auto own =
          part.values.subspan(part.rows == items ? static_cast<size_t>(item) * size : 0, size);
      row_.insert(row_.end(), own.begin(), own.end());
    }
    record(recorded_++, row_);
  }
}

}  // namespace eightbit::backends
