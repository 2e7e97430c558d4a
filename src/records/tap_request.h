// Collects what the steps of a run need to know about values, one tap a value.
#pragma once

#include <map>
#include <vector>

#include "graph/graph.h"
#include "records/statistics_data.h"
#include "records/tap.h"

namespace eightbit::records {

class TapRequest {
 public:
  explicit TapRequest(const Graph& graph) : graph_(graph) {}

  // Per tensor.
  void want(ValueId value, uint32_t statistics, std::vector<double> quantiles = {});
  // For each channel of `axis`; falls back to per tensor where the number of channels is not known,
  // and says so by returning false.
  bool want_channels(ValueId value, int64_t axis, uint32_t statistics, bool keep_channels = false,
                     std::vector<double> quantiles = {});

  // In value order.
  std::vector<Point> points() const;

 private:
  const Graph& graph_;
  std::map<std::pair<ValueId, int64_t>, Tap> taps_;
};

}  // namespace eightbit::records
