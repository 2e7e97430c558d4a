// The file format of statistics; see statistics_data.h for its layout.
#include <algorithm>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/whole_file.h"
#include "records/statistics_data.h"

namespace eightbit::records {

// Hands on plain values of a section.
class Packer {
 public:
  explicit Packer(const Write& write) : write_(write) {}
  template <typename T>
  void put(const T& value) {
    raw(&value, sizeof(T));
  }
  template <typename T>
  void put_all(std::span<const T> values) {
    put(static_cast<uint64_t>(values.size()));
    raw(values.data(), values.size_bytes());
  }
  void raw(const void* bytes, size_t size) {
    if (buffer_.size() + size > kBuffer) flush();
    if (size > kBuffer) return write_(bytes, size);
    buffer_.append(static_cast<const char*>(bytes), size);
  }
  void flush() {
    if (!buffer_.empty()) write_(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

 private:
  static constexpr size_t kBuffer = size_t{1} << 16;
  const Write& write_;
  std::string buffer_;
};

namespace {

using nlohmann::json;
constexpr char kMagic[8] = {'8', 'B', 'I', 'T', 'S', 'T', 'A', 'T'};
constexpr int kVersion = 3;

// Reads a section back; a claim beyond its end is a DataError.
class Unpacker {
 public:
  Unpacker(std::string_view content, const std::string& path) : content_(content), path_(path) {}
  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  template <typename T>
  std::vector<T> get_all() {
    const auto count = get<uint64_t>();
    if (count > content_.size() / sizeof(T)) damaged();
    std::vector<T> out(count);
    const char* bytes = take(count * sizeof(T));
    if (count > 0) std::memcpy(out.data(), bytes, count * sizeof(T));
    return out;
  }
  const char* take(size_t size) {
    if (size > content_.size() - at_) damaged();
    return content_.data() + std::exchange(at_, at_ + size);
  }
  [[noreturn]] void damaged() const {
    fail<DataError>("statistics", "'{}' is damaged. Calibrate again.", path_);
  }

 private:
  std::string_view content_;
  const std::string& path_;
  size_t at_ = 0;
};

json tap_to_json(const Point& point) {
  return {{"name", point.name},
          {"value", point.tap.value},
          {"axis", point.tap.axis},
          {"channels", point.tap.channels},
          {"statistics", point.tap.statistics},
          {"keep_channels", point.tap.keep_channels},
          {"quantiles", point.tap.quantiles}};
}

Point tap_from_json(const json& j) {
  Point point;
  point.name = j.at("name");
  point.tap.value = j.at("value");
  point.tap.axis = j.at("axis");
  point.tap.channels = j.at("channels");
  point.tap.statistics = j.at("statistics");
  point.tap.keep_channels = j.at("keep_channels");
  point.tap.quantiles = j.at("quantiles").get<std::vector<double>>();
  return point;
}

void pack_fold(Packer& out, const Fold& fold) {
  out.put(fold.count);
  out.put_all<float>(fold.min);
  out.put_all<float>(fold.max);
  for (const auto* sums : {&fold.mean, &fold.mean_square}) {
    out.put(static_cast<uint64_t>(sums->size()));
    for (const ExactSum& sum : *sums) out.put(sum.high()), out.put(sum.low());
  }
}

Fold unpack_fold(Unpacker& in) {
  Fold fold;
  fold.count = in.get<int64_t>();
  fold.min = in.get_all<float>();
  fold.max = in.get_all<float>();
  for (auto* sums : {&fold.mean, &fold.mean_square}) {
    const auto count = in.get<uint64_t>();
    for (uint64_t i = 0; i < count; ++i) {
      const auto high = in.get<int64_t>();
      sums->push_back(ExactSum::from(high, in.get<uint64_t>()));
    }
  }
  return fold;
}

// Runs of non-zero bins: first bin, count, counts; closed by a run of length 0.
void pack_histogram(Packer& out, const Histogram& histogram) {
  const auto& counts = histogram.counts;
  for (size_t b = 0; b < counts.size();) {
    if (counts[b] == 0) {
      ++b;
      continue;
    }
    size_t end = b;
    while (end < counts.size() && counts[end] != 0) ++end;
    out.put(static_cast<uint32_t>(b));
    out.put(static_cast<uint32_t>(end - b));
    out.raw(counts.data() + b, (end - b) * sizeof(uint64_t));
    b = end;
  }
  out.put(uint32_t{0});
  out.put(uint32_t{0});
}

Histogram unpack_histogram(Unpacker& in) {
  Histogram histogram;
  for (;;) {
    const auto first = in.get<uint32_t>(), count = in.get<uint32_t>();
    if (count == 0) return histogram;
    if (first > Histogram::kBins || count > Histogram::kBins - first) in.damaged();
    if (histogram.empty()) histogram.counts.assign(Histogram::kBins, 0);
    std::memcpy(histogram.counts.data() + first, in.take(count * sizeof(uint64_t)),
                count * sizeof(uint64_t));
  }
}

void pack_sample(Packer& out, int64_t number, const Sample& sample) {
  out.put(number);
  out.put(static_cast<uint8_t>(sample.reset_state ? 1 + *sample.reset_state : 0));
  out.put(static_cast<uint64_t>(sample.inputs.size()));
  for (const NamedTensor& input : sample.inputs) {
    out.put_all<char>(input.name);
    out.put(input.tensor.dtype);
    out.put_all<int64_t>(input.tensor.shape);
    out.put_all<std::byte>({input.tensor.data, input.tensor.byte_size()});
  }
}

std::pair<int64_t, Sample> unpack_sample(Unpacker& in) {
  const auto number = in.get<int64_t>();
  Sample sample;
  if (const auto reset = in.get<uint8_t>(); reset > 0) sample.reset_state = reset > 1;
  const auto count = in.get<uint64_t>();
  for (uint64_t i = 0; i < count; ++i) {
    const auto name = in.get_all<char>();
    const auto dtype = in.get<DType>();
    if (dtype > DType::string) in.damaged();
    auto shape = in.get_all<int64_t>();
    const auto bytes = in.get_all<std::byte>();
    for (int64_t d : shape)
      if (d < 0 || d > static_cast<int64_t>(bytes.size()) * 8) in.damaged();
    Tensor claimed{dtype, shape, nullptr, nullptr};
    if (claimed.byte_size() != bytes.size()) in.damaged();
    Tensor tensor = Tensor::allocate(dtype, std::move(shape));
    if (!bytes.empty()) std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
    sample.inputs.push_back({std::string(name.begin(), name.end()), std::move(tensor)});
  }
  return {number, std::move(sample)};
}

void pack_means(Packer& out, const std::map<int64_t, std::vector<float>>& rows) {
  out.put(static_cast<uint64_t>(rows.size()));
  for (const auto& [number, means] : rows) {
    out.put(number);
    out.put_all<float>(means);
  }
}

std::map<int64_t, std::vector<float>> unpack_means(Unpacker& in, size_t size) {
  std::map<int64_t, std::vector<float>> rows;
  const auto count = in.get<uint64_t>();
  for (uint64_t i = 0; i < count; ++i) {
    const auto number = in.get<int64_t>();
    auto means = in.get_all<float>();
    if (means.size() != size) in.damaged();
    rows.emplace(number, std::move(means));
  }
  return rows;
}

// A section is packed twice, for its size and checksum and then for its bytes: memory holds a piece
// of it at a time.
using Section = std::function<void(Packer&)>;

void write_section(const Write& write, const Section& section) {
  uint64_t size = 0;
  uint32_t crc = 0;
  const Write measure = [&](const void* bytes, size_t count) {
    size += count;
    crc = crc32_of({static_cast<const std::byte*>(bytes), count}, crc);
  };
  Packer measured(measure), written(write);
  section(measured);
  measured.flush();
  write(&size, sizeof(size));
  write(&crc, sizeof(crc));
  section(written);
  written.flush();
}

void read_rows(Unpacker& in, int64_t count, SpillStore& store) {
  std::vector<float> row(static_cast<size_t>(store.row_size()));
  for (int64_t i = 0; i < count && !row.empty(); ++i) {
    std::memcpy(row.data(), in.take(row.size() * sizeof(float)), row.size() * sizeof(float));
    store.append(row);
  }
}

std::string_view read_section(std::string_view file, size_t& at, const std::string& path) {
  Unpacker head(file.substr(at), path);
  const auto size = head.get<uint64_t>();
  const auto crc = head.get<uint32_t>();
  const std::string_view content{head.take(size), static_cast<size_t>(size)};
  if (crc32_of(content) != crc) head.damaged();
  at += sizeof(size) + sizeof(crc) + size;
  return content;
}

}  // namespace

void StatisticsData::save(const std::filesystem::path& path, bool overwrite) const {
  json header = {{"version", kVersion},
                 {"model", model_fingerprint_},
                 {"data", data_fingerprint_},
                 {"options", options}};
  for (const Point& point : points_) header["points"].push_back(tap_to_json(point));
  header["layers"] = json::array();
  for (const Point& layer : layers_) header["layers"].push_back(tap_to_json(layer));
  header["samples"] = json::array();
  for (const auto& [sample, row] : order_) header["samples"].push_back(sample);
  const std::string head = header.dump();
  write_whole_file(path, overwrite, [&](const Write& write) {
    write(kMagic, sizeof(kMagic));
    write_section(write, [&](Packer& out) { out.raw(head.data(), head.size()); });
    for (const Section& section : content()) write_section(write, section);
  });
}

std::vector<Section> StatisticsData::content() const {
  const auto stored = [this](const SpillStore& store) {
    return [this, &store](Packer& out) {
      std::vector<float> values(static_cast<size_t>(store.row_size()));
      for (auto it = order_.begin(); it != order_.end() && !values.empty(); ++it) {
        store.read(it->second, 0, values);
        out.raw(values.data(), values.size() * sizeof(float));
      }
    };
  };
  return {
      stored(rows_),
      [this](Packer& out) { std::ranges::for_each(folds_, [&](auto& f) { pack_fold(out, f); }); },
      [this](Packer& out) {
        std::ranges::for_each(histograms_, [&](auto& h) { pack_histogram(out, h); });
      },
      stored(kept_),
      [this](Packer& out) {
        out.put(static_cast<uint64_t>(kept_samples.size()));
        for (int64_t number : kept_samples.numbers())
          pack_sample(out, number, kept_samples.load(number));
      },
      [this](Packer& out) { pack_means(out, layer_means_); }};
}

uint64_t StatisticsData::hash() const {
  uint64_t hash = kHashStart;
  const Write write = [&](const void* bytes, size_t size) {
    hash = mix_hash(hash, hash_bytes({static_cast<const std::byte*>(bytes), size}));
  };
  Packer out(write);
  for (const Section& section : content()) {
    section(out);
    out.flush();
  }
  return finish_hash(hash);
}

StatisticsData StatisticsData::load(const std::filesystem::path& path) {
  const std::string file = read_whole_file(path);
  const std::string name = path.string();
  if (file.size() < sizeof(kMagic) || std::memcmp(file.data(), kMagic, sizeof(kMagic)) != 0)
    fail<DataError>("statistics",
                    "'{}' is not a statistics file. Make one with `eightbit calibrate`.", name);
  size_t at = sizeof(kMagic);
  const Unpacker whole(file, name);
  try {
    const json header = json::parse(read_section(file, at, name));
    if (header.at("version") != kVersion)
      fail<DataError>("statistics",
                      "'{}' has format version {}; this program reads version {}. Calibrate again.",
                      name, header.at("version").get<int>(), kVersion);
    std::vector<Point> points, layers;
    for (const json& point : header.value("points", json::array()))
      points.push_back(tap_from_json(point));
    int64_t layer_channels = 0;
    for (const json& layer : header.at("layers"))
      layer_channels += layers.emplace_back(tap_from_json(layer)).tap.channels;
    StatisticsData data(header.at("model"), header.at("data"), std::move(points),
                        std::move(layers));
    data.options = header.at("options").get<std::map<std::string, std::string>>();
    for (int64_t sample : header.at("samples")) data.order_.emplace(sample, data.samples());

    Unpacker rows(read_section(file, at, name), name), folds(read_section(file, at, name), name),
        histograms(read_section(file, at, name), name), kept(read_section(file, at, name), name),
        samples(read_section(file, at, name), name), means(read_section(file, at, name), name);
    read_rows(rows, data.samples(), data.rows_);
    for (size_t p = 0; p < data.points_.size(); ++p) {
      data.folds_[p] = unpack_fold(folds);
      data.histograms_[p] = unpack_histogram(histograms);
    }
    read_rows(kept, data.samples(), data.kept_);
    const auto count = samples.get<uint64_t>();
    for (uint64_t i = 0; i < count; ++i) {
      const auto [number, sample] = unpack_sample(samples);
      data.kept_samples.add(number, sample);
    }
    data.layer_means_ = unpack_means(means, static_cast<size_t>(layer_channels));
    return data;
  } catch (const json::exception&) {
    whole.damaged();
  }
}

}  // namespace eightbit::records
