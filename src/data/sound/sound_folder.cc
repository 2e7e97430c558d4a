#include "data/sound/sound_folder.h"

#include <samplerate.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/error.h"
#include "data/path_text.h"
#include "data/random_access_file.h"
#include "data/sound/sound_form.h"

namespace eightbit {
namespace {

// libsndfile reads what is already in memory: paths of any alphabet, and no second handle.
struct Bytes {
  std::vector<std::byte> content;
  sf_count_t at = 0;

  sf_count_t size() const { return static_cast<sf_count_t>(content.size()); }
};

SF_VIRTUAL_IO memory_io() {
  SF_VIRTUAL_IO io{};
  io.get_filelen = [](void* user) { return static_cast<Bytes*>(user)->size(); };
  io.seek = [](sf_count_t offset, int whence, void* user) {
    auto& bytes = *static_cast<Bytes*>(user);
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? bytes.at : bytes.size();
    bytes.at = std::clamp<sf_count_t>(base + offset, 0, bytes.size());
    return bytes.at;
  };
  io.read = [](void* to, sf_count_t count, void* user) {
    auto& bytes = *static_cast<Bytes*>(user);
    count = std::clamp<sf_count_t>(count, 0, bytes.size() - bytes.at);
    std::copy_n(bytes.content.data() + bytes.at, count, static_cast<std::byte*>(to));
    bytes.at += count;
    return count;
  };
  io.tell = [](void* user) { return static_cast<Bytes*>(user)->at; };
  return io;
}

// All channels, one value after another for each moment.
struct Sound {
  std::vector<float> values;
  int channels = 0, rate = 0;
};

Sound decode(const std::filesystem::path& path) {
  constexpr sf_count_t kMostFrames = sf_count_t{1} << 30;
  const RandomAccessFile file(path);
  Bytes bytes{file.read(0, file.size())};
  SF_VIRTUAL_IO io = memory_io();
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> sound(
      sf_open_virtual(&io, SFM_READ, &info, &bytes), &sf_close);
  if (!sound)
    fail<DataError>("data", "sound '{}' cannot be decoded: {}. Replace it or take it out",
                    file.name(), sf_strerror(nullptr));
  if (info.frames <= 0 || info.frames > kMostFrames || info.channels < 1)
    fail<DataError>("data", "sound '{}' has {} samples. Replace it or take it out", file.name(),
                    info.frames);
  // damaged headers promise more than there is: what is read counts
  Sound out{{}, info.channels, info.samplerate};
  std::vector<float> part(size_t{4096} * static_cast<size_t>(info.channels));
  for (sf_count_t read = 1; read > 0;) {
    read = sf_readf_float(sound.get(), part.data(), 4096);
    out.values.insert(out.values.end(), part.begin(), part.begin() + read * info.channels);
  }
  if (out.values.empty())
    fail<DataError>("data", "sound '{}' is empty. Replace it or take it out", file.name());
  return out;
}

std::vector<float> one_channel(const Sound& sound, const SoundForm& form,
                               const std::filesystem::path& path) {
  const auto channels = static_cast<size_t>(sound.channels);
  if (form.channel && *form.channel >= sound.channels)
    fail<DataError>("data", "sound '{}' has {} channels, channel {} is asked for. The first is 0",
                    path_text(path), sound.channels, *form.channel);
  std::vector<float> out(sound.values.size() / channels);
  for (size_t i = 0; i < out.size(); ++i) {
    const float* moment = &sound.values[i * channels];
    float sum = 0;
    for (size_t c = 0; c < channels; ++c) sum += moment[c];
    out[i] = form.channel ? moment[*form.channel] : sum / static_cast<float>(channels);
  }
  return out;
}

std::vector<float> resampled(std::vector<float> sound, int from, int64_t to,
                             const std::filesystem::path& path) {
  if (to == 0 || to == from) return sound;
  const double ratio = static_cast<double>(to) / from;
  std::vector<float> out(static_cast<size_t>(std::ceil(static_cast<double>(sound.size()) * ratio)) +
                         1);
  SRC_DATA data{};
  data.data_in = sound.data();
  data.input_frames = static_cast<long>(sound.size());
  data.data_out = out.data();
  data.output_frames = static_cast<long>(out.size());
  data.src_ratio = ratio;
  if (const int error = src_simple(&data, SRC_SINC_MEDIUM_QUALITY, 1))
    fail<DataError>("data", "sound '{}' cannot be turned from {} to {} Hz: {}", path_text(path),
                    from, to, src_strerror(error));
  out.resize(static_cast<size_t>(data.output_frames_gen));
  return out;
}

class SoundStore : public SampleStore {
 public:
  SoundStore(FileSet files, const FileDatasetOptions& options)
      : files_(std::move(files)), form_(sound_form(options)), input_(options.input) {}

  int64_t count() const override { return static_cast<int64_t>(files_.paths.size()); }

  Sample load(int64_t index) const override {
    const auto& path = files_.paths[static_cast<size_t>(index)];
    const Sound sound = decode(path);
    Tensor tensor =
        form_.tensor_of(resampled(one_channel(sound, form_, path), sound.rate, form_.rate, path));
    return {{{input_, std::move(tensor)}}, {}};
  }

  std::string fingerprint() const override {
    return fmt::format("sounds {} as {} input '{}' count {}", files_.digest(), form_.text(), input_,
                       count());
  }

 private:
  FileSet files_;
  SoundForm form_;
  std::string input_;
};

}  // namespace

std::shared_ptr<const SampleStore> open_sounds(FileSet files, const FileDatasetOptions& options) {
  return std::make_shared<SoundStore>(std::move(files), options);
}

}  // namespace eightbit
