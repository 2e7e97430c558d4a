#include "records/settling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace eightbit::records {
namespace {

constexpr double kLeftOut = 1e-4;     // of the values of a point, at each end
constexpr double kStill = 0.02;       // of the width of a point, that it may move by
constexpr double kMostMoving = 0.12;  // of all points
constexpr int kCalmSteps = 2;
constexpr size_t kNumbers = 3;  // of a snapshot, a point: both ends, the mean
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

struct Ends {
  double low = 0, high = 0;
};

// The bins of a histogram in the order of their values.
int bin_in_order(int k) {
  return k < Histogram::kHalf ? Histogram::kBins - 1 - k : k - Histogram::kHalf;
}

Ends ends_of_bin(int bin) {
  if (bin < Histogram::kHalf) return {Histogram::lower(bin), Histogram::upper(bin)};
  return {-Histogram::upper(bin - Histogram::kHalf), -Histogram::lower(bin - Histogram::kHalf)};
}

// Within a bin values count as spread evenly, so that ends move by less than a bin.
double end_of(const Histogram& histogram, bool high) {
  const double outside = kLeftOut * static_cast<double>(histogram.total());
  double sum = 0;
  for (int k = 0; k < Histogram::kBins; ++k) {
    const int bin = bin_in_order(high ? Histogram::kBins - 1 - k : k);
    const auto count = static_cast<double>(histogram.counts[static_cast<size_t>(bin)]);
    if (sum + count > outside) {
      const Ends ends = ends_of_bin(bin);
      const double inside = (outside - sum) / count * (ends.high - ends.low);
      return high ? ends.high - inside : ends.low + inside;
    }
    sum += count;
  }
  return 0;  // no values
}

Ends ends_of(const StatisticsData& data, int point) {
  const Histogram& histogram = data.histogram(point);
  if (!histogram.empty()) return {end_of(histogram, false), end_of(histogram, true)};
  Ends sum;
  const std::vector<Row> rows = data.rows(point);
  for (const Row& row : rows) sum.low += row.min, sum.high += row.max;
  const auto count = static_cast<double>(rows.size());
  return {sum.low / count, sum.high / count};
}

}  // namespace

int64_t Settling::next_after(int64_t samples) {
  int64_t step = kFirst / 2;
  while (4 * step <= samples) step *= 2;
  return samples < kFirst ? kFirst : samples / step * step + step;
}

std::vector<float> Settling::snapshot(const StatisticsData& data) {
  std::vector<float> out;
  for (int p = 0; p < static_cast<int>(data.points().size()); ++p) {
    const Fold& fold = data.fold(p);
    if (fold.count == 0) {
      out.insert(out.end(), kNumbers, kUnknown);
      continue;
    }
    const Ends ends = ends_of(data, p);
    double mean = 0;
    for (float channel : fold.means()) mean += channel / static_cast<double>(fold.mean.size());
    out.insert(out.end(), {static_cast<float>(ends.low), static_cast<float>(ends.high),
                           static_cast<float>(mean)});
  }
  return out;
}

void Settling::add(int64_t samples, std::vector<float> snapshot) {
  samples_ = samples;
  size_t moved = 0, points = 0;
  for (size_t p = 0; p + kNumbers <= std::min(snapshot.size(), last_.size()); p += kNumbers) {
    const float low = snapshot[p], high = snapshot[p + 1];
    if (std::isnan(low) && std::isnan(last_[p])) continue;
    ++points;
    const double most = kStill * (std::max(high, 0.0f) - std::min(low, 0.0f));
    bool still = true;
    for (size_t i = p; i < p + kNumbers; ++i)
      still &= std::fabs(static_cast<double>(snapshot[i]) - last_[i]) <= most;
    moved += !still;
  }
  const bool first = last_.empty();
  last_ = std::move(snapshot);
  if (first) return;
  moving_ = points > 0 ? static_cast<double>(moved) / static_cast<double>(points) : 0;
  calm_ = moving_ <= kMostMoving ? calm_ + 1 : 0;
}

bool Settling::settled() const { return calm_ >= kCalmSteps; }

std::string Settling::state() const {
  nlohmann::json state = {
      {"samples", samples_}, {"calm", calm_}, {"last", nlohmann::json::array()}};
  for (float number : last_) state["last"].push_back(std::bit_cast<uint32_t>(number));
  return state.dump();
}

Settling Settling::from(const std::string& text) {
  const auto state = nlohmann::json::parse(text);
  Settling out;
  out.samples_ = state.at("samples");
  out.calm_ = state.at("calm");
  for (uint32_t bits : state.at("last")) out.last_.push_back(std::bit_cast<float>(bits));
  return out;
}

}  // namespace eightbit::records
