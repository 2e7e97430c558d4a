// The samples that are stacked in one run of a network, and what belongs to each of a tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace eightbit::backends {

// What a record is made of: an item of a batch, or a whole sample. Each has as many rows
// of axis 0.
class RecordUnits {
 public:
  void add(int64_t rows) { rows_.push_back(rows), total_ += rows; }
  void clear() { rows_.clear(), total_ = 0; }
  size_t size() const { return rows_.size(); }
  int64_t total() const { return total_; }
  bool uniform() const { return total_ == static_cast<int64_t>(rows_.size()); }  // a row each

  // Calls visit(first unit, first element, shape) for each unit whose rows axis 0 holds; else once,
  // with the whole tensor, which then stands for all units.
  void split(std::span<const int64_t> shape,
             const std::function<void(size_t unit, int64_t offset, std::span<const int64_t> shape)>&
                 visit) const {
    if (!splits(shape)) return visit(0, 0, shape);
    std::vector<int64_t> own(shape.begin(), shape.end());
    const int64_t row =
        std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
    int64_t offset = 0;
    for (size_t unit = 0; unit < rows_.size(); ++unit) {
      own[0] = rows_[unit];
      visit(unit, offset, own);
      offset += rows_[unit] * row;
    }
  }
  bool splits(std::span<const int64_t> shape) const {
    return rows_.size() > 1 && !shape.empty() && shape[0] == total_;
  }

 private:
  std::vector<int64_t> rows_;
  int64_t total_ = 0;
};

}  // namespace eightbit::backends
