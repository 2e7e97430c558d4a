#include "records/statistics_data.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "records/unseen.h"

namespace eightbit::records {
namespace {

// Of a Row, as it is stored.
constexpr int64_t kRowFloats = 3;
static_assert(sizeof(Row) == kRowFloats * sizeof(float));
constexpr size_t kBlockFloats = size_t{1} << 16;  // that are read at once

std::span<const float> stretch(std::span<const float> record, int64_t at, int64_t count) {
  return at < 0 ? std::span<const float>{}
                : record.subspan(static_cast<size_t>(at), static_cast<size_t>(count));
}

int64_t kept_size(const Tap& tap) {
  return (tap.keep_channels ? 2 * tap.channels : 0) +
         static_cast<int64_t>(tap.quantiles.size()) * tap.channels;
}

}  // namespace

void SpillStore::append(std::span<const float> row) {
  EIGHTBIT_CHECK(static_cast<int64_t>(row.size()) == row_size_, "a row of {} in a store of {}",
                 row.size(), row_size_);
  memory_.insert(memory_.end(), row.begin(), row.end());
  ++rows_;
  if (memory_.size() * sizeof(float) >= kMostInMemory) spill();
}

void SpillStore::spill() {
  const auto end = static_cast<int64_t>(static_cast<size_t>(rows_ * row_size_) - memory_.size());
  file_.write(end * static_cast<int64_t>(sizeof(float)), std::as_bytes(std::span(memory_)));
  memory_.clear();
}

void SpillStore::read(int64_t row, int64_t offset, std::span<float> out) const {
  const auto first = static_cast<size_t>(row * row_size_ + offset);
  const size_t spilled = static_cast<size_t>(rows_ * row_size_) - memory_.size();
  if (first >= spilled)
    std::copy_n(memory_.data() + (first - spilled), out.size(), out.data());
  else
    file_.read(static_cast<int64_t>(first * sizeof(float)), std::as_writable_bytes(out));
}

std::vector<float> SpillStore::column(int64_t offset, int64_t count) const {
  std::vector<float> out, block;
  if (row_size_ == 0 || rows_ == 0) return out;
  out.reserve(static_cast<size_t>(rows_ * count));
  const int64_t together = std::max<int64_t>(1, static_cast<int64_t>(kBlockFloats) / row_size_);
  const auto spilled = rows_ - static_cast<int64_t>(memory_.size()) / row_size_;
  for (int64_t row = 0; row < rows_;) {
    const int64_t end = std::min(row + together, row < spilled ? spilled : rows_);
    block.resize(static_cast<size_t>((end - row) * row_size_));
    read(row, 0, block);
    for (int64_t at = offset; row < end; ++row, at += row_size_)
      out.insert(out.end(), block.begin() + at, block.begin() + at + count);
  }
  return out;
}

StatisticsData::StatisticsData(std::string model_fingerprint, std::string data_fingerprint,
                               std::vector<Point> points, std::vector<Point> layers)
    : model_fingerprint_(std::move(model_fingerprint)),
      data_fingerprint_(std::move(data_fingerprint)),
      points_(std::move(points)),
      layers_(std::move(layers)) {
  index();
}

StatisticsData StatisticsData::copy() const {
  StatisticsData out(model_fingerprint_, data_fingerprint_, points_, layers_);
  out.options = options;
  out.merge(*this);
  return out;
}

void StatisticsData::index() {
  layouts_ = layout_of(taps());
  folds_.resize(points_.size());
  histograms_.resize(points_.size());
  int64_t kept = 0;
  for (size_t p = 0; p < points_.size(); ++p) {
    by_value_.emplace(points_[p].tap.value, static_cast<int>(p));
    const int64_t size = kept_size(points_[p].tap);
    kept_offsets_.push_back(size > 0 ? kept : -1);
    kept += size;
  }
  kept_ = SpillStore(kept);
  rows_ = SpillStore(kRowFloats * static_cast<int64_t>(points_.size()));
}

std::vector<Tap> StatisticsData::taps() const {
  std::vector<Tap> out;
  for (const Point& point : points_) out.push_back(point.tap);
  return out;
}

int StatisticsData::point_of(ValueId value, int64_t axis) const {
  const auto [first, last] = by_value_.equal_range(value);
  for (auto it = first; it != last; ++it)
    if (axis == kNone || points_[static_cast<size_t>(it->second)].tap.axis == axis)
      return it->second;
  return kNone;
}

int StatisticsData::point_with_quantile(ValueId value, double quantile) const {
  const auto [first, last] = by_value_.equal_range(value);
  for (auto it = first; it != last; ++it) {
    const Tap& tap = points_[static_cast<size_t>(it->second)].tap;
    if (tap.axis == kNone && std::ranges::find(tap.quantiles, quantile) != tap.quantiles.end())
      return it->second;
  }
  return kNone;
}

void StatisticsData::add(int64_t sample, std::span<const float> record) {
  EIGHTBIT_CHECK(order_.emplace(sample, samples()).second, "sample {} was recorded twice", sample);
  std::vector<float> kept, rows;
  for (size_t p = 0; p < points_.size(); ++p) {
    const Tap& tap = points_[p].tap;
    const TapLayout& at = layouts_[p];
    const auto min = stretch(record, at.min, tap.channels),
               max = stretch(record, at.max, tap.channels);
    const float finite = record[static_cast<size_t>(at.finite)];
    Row row{0, 0, finite};
    if (!min.empty()) row = {std::ranges::min(min), std::ranges::max(max), finite};
    rows.insert(rows.end(), {row.min, row.max, row.finite});
    if (finite != kUnseen)
      folds_[p].add(min, max, stretch(record, at.mean, tap.channels),
                    stretch(record, at.mean_square, tap.channels));
    if (tap.keep_channels) {
      kept.insert(kept.end(), min.begin(), min.end());
      kept.insert(kept.end(), max.begin(), max.end());
    }
    const auto quantiles =
        stretch(record, at.quantiles, static_cast<int64_t>(tap.quantiles.size()) * tap.channels);
    kept.insert(kept.end(), quantiles.begin(), quantiles.end());
  }
  if (kept_.row_size() > 0) kept_.append(kept);
  if (rows_.row_size() > 0) rows_.append(rows);
}

void StatisticsData::add_layers(int64_t sample, std::span<const float> record) {
  std::vector<float>& means = layer_means_[sample];
  size_t from = 0;
  for (const Point& layer : layers_) {
    const auto channels = static_cast<size_t>(layer.tap.channels);
    const auto part = record.subspan(from, channels);
    means.insert(means.end(), part.begin(), part.end());
    from += channels + 1;  // the finite fraction
  }
  EIGHTBIT_CHECK(from == record.size(), "a record of {} for layers of {}", record.size(), from);
}

std::vector<float> StatisticsData::layer_means(int64_t sample, ValueId value) const {
  const auto row = layer_means_.find(sample);
  if (row == layer_means_.end()) return {};
  auto at = row->second.begin();
  for (const Point& layer : layers_) {
    if (layer.tap.value == value) return {at, at + layer.tap.channels};
    at += layer.tap.channels;
  }
  return {};
}

void StatisticsData::set_histograms(const std::vector<std::vector<Histogram>>& counts) {
  for (size_t p = 0; p < counts.size(); ++p)
    histograms_[p] = counts[p].empty() ? Histogram{} : counts[p][0];
}

void StatisticsData::add_histograms(const std::vector<std::vector<Histogram>>& counts) {
  for (size_t p = 0; p < counts.size(); ++p)
    if (!counts[p].empty()) histograms_[p].add(counts[p][0]);
}

std::set<int64_t> StatisticsData::sample_numbers() const {
  std::set<int64_t> out;
  for (const auto& [sample, row] : order_) out.insert(out.end(), sample);
  return out;
}

std::vector<Row> StatisticsData::rows_in_order(int point) const {
  const std::vector<float> column = rows_.column(kRowFloats * point, kRowFloats);
  std::vector<Row> out;
  out.reserve(order_.size());
  for (const auto& [sample, number] : order_) {
    const float* row = column.data() + kRowFloats * number;
    out.push_back({row[0], row[1], row[2]});
  }
  return out;
}

std::vector<Row> StatisticsData::rows(int point) const {
  std::vector<Row> out = rows_in_order(point);
  std::erase_if(out, [](const Row& row) { return row.finite == kUnseen; });
  return out;
}

std::vector<int64_t> StatisticsData::seen(int point) const {
  std::vector<int64_t> out;
  int64_t k = 0;
  for (const Row& row : rows_in_order(point)) {
    if (row.finite != kUnseen) out.push_back(k);
    ++k;
  }
  return out;
}

std::vector<float> StatisticsData::kept_channels(int point, int64_t k) const {
  const auto p = static_cast<size_t>(point);
  EIGHTBIT_CHECK(kept_offsets_[p] >= 0, "channels of '{}' were not kept", points_[p].name);
  std::vector<float> out(static_cast<size_t>(kept_size(points_[p].tap)));
  kept_.read(std::next(order_.begin(), k)->second, kept_offsets_[p], out);
  return out;
}

void StatisticsData::merge(const StatisticsData& other) {
  const auto same = [](const Point& a, const Point& b) {
    return a.name == b.name && a.tap.axis == b.tap.axis && a.tap.channels == b.tap.channels &&
           a.tap.statistics == b.tap.statistics && a.tap.keep_channels == b.tap.keep_channels &&
           a.tap.quantiles == b.tap.quantiles;
  };
  if (model_fingerprint_ != other.model_fingerprint_)
    fail<InvalidArgument>(
        "merge",
        "the parts belong to different models ({} and {}). Merge shards of one calibration.",
        model_fingerprint_, other.model_fingerprint_);
  if (data_fingerprint_ != other.data_fingerprint_ || options != other.options)
    fail<InvalidArgument>(
        "merge",
        "the parts were made with different data or options. Merge shards of one calibration.");
  if (!std::ranges::equal(points_, other.points_, same) ||
      !std::ranges::equal(layers_, other.layers_, same))
    fail<InvalidArgument>("merge",
                          "the parts measured different points. Merge shards of one calibration.");
  for (const auto& [sample, row] : other.order_)
    if (order_.contains(sample))
      fail<InvalidArgument>("merge", "sample {} is in two parts. Give each shard once.", sample);

  std::vector<float> kept(static_cast<size_t>(kept_.row_size())),
      rows(static_cast<size_t>(rows_.row_size()));
  for (const auto& [sample, row] : other.order_) {
    order_.emplace(sample, samples());
    if (!rows.empty()) {
      other.rows_.read(row, 0, rows);
      rows_.append(rows);
    }
    if (kept.empty()) continue;
    other.kept_.read(row, 0, kept);
    kept_.append(kept);
  }
  for (size_t p = 0; p < points_.size(); ++p) {
    folds_[p].add(other.folds_[p]);
    histograms_[p].add(other.histograms_[p]);
  }
  kept_samples.add(other.kept_samples);
  layer_means_.insert(other.layer_means_.begin(), other.layer_means_.end());
}

}  // namespace eightbit::records
