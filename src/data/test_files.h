// Files for the loaders' tests, whole or broken on purpose.
#pragma once

#include <eightbit/dataset.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit::testing {

namespace fs = std::filesystem;

// A folder of its own for each test, removed afterwards.
class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("eightbit-{}-{}-{}", info->test_suite_name(),
                                                info->name(), reinterpret_cast<uintptr_t>(this));
    fs::create_directories(folder_);
  }
  ~FolderTest() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  std::string write(std::string_view name, std::string_view bytes) const {
    const fs::path target = folder_ / name;
    fs::create_directories(target.parent_path());
    std::ofstream(target, std::ios::binary) << bytes;
    return target.string();
  }

  fs::path folder_;
};

inline std::string little(uint64_t value, size_t width) {
  std::string bytes;
  for (size_t i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// An npy file with any header text, true or not.
inline std::string npy_text(std::string_view header, std::string_view data, int major = 1) {
  const size_t prefix = major == 1 ? 10 : 12;
  std::string text(header);
  text.append((64 - (prefix + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  return "\x93NUMPY" + little(static_cast<uint64_t>(major), 1) + little(0, 1) +
         little(text.size(), major == 1 ? 2 : 4) + text + std::string(data);
}

inline std::string npy_header(std::string_view descr, std::string_view shape,
                              bool fortran = false) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", descr,
                     fortran ? "True" : "False", shape);
}

template <typename T>
std::string npy(std::string_view descr, std::string_view shape, std::span<const T> values,
                bool fortran = false) {
  return npy_text(npy_header(descr, shape, fortran),
                  {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

inline std::string npy_floats(std::string_view shape, const std::vector<float>& values) {
  return npy<float>("<f4", shape, values);
}

struct ZipPart {
  std::string name;
  std::string data;
  bool deflate = false;
  bool bad_crc = false;
  bool zip64 = false;
  uint64_t claimed_size = UINT64_MAX;  // in the directory, in the place of the true size
  uint16_t flags = 0;
  int method = -1;  // in the place of 0 or 8
};

inline std::string deflated(std::string_view data) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zip(const std::vector<ZipPart>& parts) {
  std::string out, directory;
  for (const ZipPart& part : parts) {
    const std::string body = part.deflate ? deflated(part.data) : part.data;
    const auto method = static_cast<uint64_t>(part.method >= 0 ? part.method
                                              : part.deflate   ? 8
                                                               : 0);
    uint64_t crc = crc32(0, reinterpret_cast<const Bytef*>(part.data.data()),
                         static_cast<uInt>(part.data.size()));
    if (part.bad_crc) crc ^= 1;
    const uint64_t size = part.claimed_size == UINT64_MAX ? part.data.size() : part.claimed_size;
    const std::string wide = little(1, 2) + little(24, 2) + little(size, 8) +
                             little(body.size(), 8) + little(out.size(), 8);
    const std::string sizes = part.zip64 ? little(0xffffffff, 4) + little(0xffffffff, 4)
                                         : little(body.size(), 4) + little(size, 4);
    const std::string common = little(20, 2) + little(part.flags, 2) + little(method, 2) +
                               little(0, 4) + little(crc, 4) + sizes + little(part.name.size(), 2);
    directory += little(0x02014b50, 4) + little(20, 2) + common +
                 little(part.zip64 ? wide.size() : 0, 2) + little(0, 2) + little(0, 2) +
                 little(0, 2) + little(0, 4) + little(part.zip64 ? 0xffffffff : out.size(), 4) +
                 part.name + (part.zip64 ? wide : "");
    out += little(0x04034b50, 4) + common + little(0, 2) + part.name + body;
  }
  const uint64_t offset = out.size();
  return out + directory + little(0x06054b50, 4) + little(0, 4) + little(parts.size(), 2) +
         little(parts.size(), 2) + little(directory.size(), 4) + little(offset, 4) + little(0, 2);
}

inline std::vector<Sample> read_all(const Dataset& dataset) {
  std::vector<Sample> samples;
  const auto source = dataset.open();
  while (auto sample = source->next()) samples.push_back(std::move(*sample));
  return samples;
}

inline std::vector<float> floats(const Sample& sample, size_t input = 0) {
  return to_floats(sample.inputs.at(input).tensor);
}

// The text of the E that `action` throws; a failure when it throws nothing or something else.
template <typename E, typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of error: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace eightbit::testing
