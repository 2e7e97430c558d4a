// Zip archives as numpy.savez writes them: stored and deflated members, zip64 included (PKWARE
// APPNOTE 6.3.10).
//
// Nothing is ever extracted to disk. Refused with a DataError: names that leave the archive ("..",
// absolute), duplicate names, encryption, members that overlap or reach out of the file, other
// compressions, more than kMostRatio bytes out of one, and data whose CRC-32 differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/random_access_file.h"

namespace eightbit {

struct ZipMember {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  uint64_t stored_size = 0;  // bytes in the file
  uint64_t size = 0;         // bytes of the data
  uint64_t offset = 0;       // of the first data byte in the file
};

constexpr uint64_t kMostRatio = 1000;
constexpr uint64_t kMostInflated = uint64_t{8} << 30;  // bytes of one deflated member

std::vector<ZipMember> read_zip_directory(const RandomAccessFile& file);

// The first `limit` bytes of a member's data, inflated where needed; all of it when the member is
// not longer, and then its CRC is checked.
std::vector<std::byte> read_zip_member(const RandomAccessFile& file, const ZipMember& member,
                                       uint64_t limit);

[[noreturn]] void fail_crc(const RandomAccessFile& file, const ZipMember& member);

}  // namespace eightbit
