// Kaldi's archives of matrices: records of a key and a matrix, one after the other.
// https://kaldi-asr.org/doc/io.html describes the archives and the tables that name places in them.
//
// Binary, little endian:  key ' ' 00 'B' token ' ' content
//   FM, DM     04 rows:i32 04 columns:i32, then rows of f32 or f64
//   FV, DV     04 size:i32, then f32 or f64: a matrix of one row
//   CM         least:f32 range:f32 rows:i32 columns:i32, for each column four u16 (the value of the
//              least, of a quarter, of three quarters and of the largest), then a byte for each
//              value, column after column
//   CM2, CM3   the same four numbers, then rows of u16 or u8
// Text:  key [ 1 2 3 newline 4 5 6 ]
#pragma once

#include <eightbit/tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/random_access_file.h"

namespace eightbit {

enum class ArkForm : uint8_t { text, f32, f64, columns_u8, rows_u16, rows_u8 };

struct ArkRecord {
  std::string key;
  ArkForm form = ArkForm::f32;
  int64_t rows = 0, columns = 0;
  uint64_t content = 0;  // where the numbers begin in the file
};

// All records, without their values. Throws DataError naming file and key for what is no archive.
std::vector<ArkRecord> scan_ark(const RandomAccessFile& file);
// The matrix that begins at `offset`, behind a key, as a table (.scp) names it.
ArkRecord ark_record_at(const RandomAccessFile& file, uint64_t offset, std::string key);

// All of it, as f32 [rows, columns].
Tensor read_ark(const RandomAccessFile& file, const ArkRecord& record);

}  // namespace eightbit
