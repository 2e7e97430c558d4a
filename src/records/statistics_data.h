// What a calibration leaves behind, in memory and as a file.
//
// For every point (a Tap on a value) there is
//   - a row a sample: min and max per tensor, the finite fraction; 12 bytes a point and sample,
//     beyond some megabytes on disk;
//   - the fold of its channels over all samples (fold.h);
//   - its histogram counts (histogram.h), where asked for;
//   - with keep_channels: min and max of every channel of every sample, and its quantiles; spilled
//     to disk.
// Of a few samples, spread evenly, the inputs are kept, and the channel means of every layer's
// output. Everything is ordered by sample and independent of threads and shards.
//
// File: "8BITSTAT", u64 length and CRC-32 of each of the sections that follow: header (JSON:
// fingerprints, options, points, layers, sample numbers), rows, folds, histograms (runs of non-zero
// bins), kept channels, kept samples, layer means.
#pragma once

#include <eightbit/dataset.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/temporary_file.h"
#include "records/fold.h"
#include "records/histogram.h"
#include "records/kept_samples.h"
#include "records/tap.h"

namespace eightbit::records {

// Rows of floats of one length, in memory up to kMostInMemory and in an unlinked temporary file
// beyond, so that memory does not grow with the number of samples.
class SpillStore {
 public:
  static constexpr size_t kMostInMemory = size_t{4} << 20;  // bytes

  explicit SpillStore(int64_t row_size = 0) : row_size_(row_size) {}

  void append(std::span<const float> row);
  // Floats [offset, offset + out.size()) of a row.
  void read(int64_t row, int64_t offset, std::span<float> out) const;
  // Floats [offset, offset + count) of every row, one row after the other.
  std::vector<float> column(int64_t offset, int64_t count) const;
  int64_t rows() const { return rows_; }
  int64_t row_size() const { return row_size_; }

 private:
  void spill();
  int64_t row_size_ = 0, rows_ = 0;
  std::vector<float> memory_;
  TemporaryFile file_;
};

struct Point {
  std::string name;  // of the value
  Tap tap;
};

struct Row {  // one point, one sample
  float min = 0, max = 0, finite = 1;
};

class Packer;

class StatisticsData {
 public:
  StatisticsData() = default;
  StatisticsData copy() const;
  // `layers`: taps of means.
  StatisticsData(std::string model_fingerprint, std::string data_fingerprint,
                 std::vector<Point> points, std::vector<Point> layers = {});

  // Takes a record laid out by layout_of(taps). Samples may come in any order, each once.
  void add(int64_t sample, std::span<const float> record);
  // Takes the record of the layers' taps for a kept sample.
  void add_layers(int64_t sample, std::span<const float> record);
  // Joins `other` into this; see Statistics::merge for the errors.
  void merge(const StatisticsData& other);

  const std::string& model_fingerprint() const { return model_fingerprint_; }
  const std::string& data_fingerprint() const { return data_fingerprint_; }
  const std::vector<Point>& points() const { return points_; }
  std::vector<Tap> taps() const;
  const std::vector<Point>& layers() const { return layers_; }
  // Channel means of the output `value` of a layer for a kept sample; empty where they were not
  // measured.
  std::vector<float> layer_means(int64_t sample, ValueId value) const;
  int64_t samples() const { return static_cast<int64_t>(order_.size()); }
  bool has_sample(int64_t sample) const { return order_.contains(sample); }
  std::set<int64_t> sample_numbers() const;
  // Index of the point of a value, or kNone. `axis`: kNone for any point, else the one that keeps
  // these channels.
  int point_of(ValueId value, int64_t axis = kNone) const;
  // The point that holds this quantile per tensor, or kNone.
  int point_with_quantile(ValueId value, double quantile) const;
  const Fold& fold(int point) const { return folds_[static_cast<size_t>(point)]; }
  // One histogram per tensor, or empty.
  const Histogram& histogram(int point) const { return histograms_[static_cast<size_t>(point)]; }
  void set_histograms(const std::vector<std::vector<Histogram>>& counts);  // replaces
  void add_histograms(const std::vector<std::vector<Histogram>>& counts);
  // In sample order, without samples that did not compute the value.
  std::vector<Row> rows(int point) const;
  // The k of kept_channels() that belong to these rows.
  std::vector<int64_t> seen(int point) const;
  // Channel minima and maxima of the kept channels of the k-th sample in order, [2 * channels];
  // then quantiles.
  std::vector<float> kept_channels(int point, int64_t k) const;

  // Inputs of the samples of the correction batch, by sample number.
  KeptSamples kept_samples;
  // Free-form facts that must agree when shards are merged (subset_size, ...).
  std::map<std::string, std::string> options;

  void save(const std::filesystem::path& path, bool overwrite) const;
  // Of all that was measured, whatever model and options it belongs to.
  uint64_t hash() const;
  static StatisticsData load(const std::filesystem::path& path);

 private:
  void index();
  std::vector<std::function<void(Packer&)>> content() const;
  std::string model_fingerprint_, data_fingerprint_;
  std::vector<Point> points_, layers_;
  // kept sample -> means of all layers in turn
  std::map<int64_t, std::vector<float>> layer_means_;
  std::vector<TapLayout> layouts_;
  std::vector<int64_t> kept_offsets_;  // of each point in a kept row; -1
  std::multimap<ValueId, int> by_value_;
  std::vector<Row> rows_in_order(int point) const;
  std::map<int64_t, int64_t> order_;  // sample -> row
  SpillStore rows_;                   // a Row a point
  std::vector<Fold> folds_;
  std::vector<Histogram> histograms_;
  SpillStore kept_;
};

}  // namespace eightbit::records
