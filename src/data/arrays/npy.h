// The .npy format (NumPy enhancement proposal 1, format versions 1.0 to 3.0):
//   \x93NUMPY  major  minor  header length (2 bytes in 1.0, else 4, little-endian)  header  data
// where the header is a Python dict literal with exactly the keys 'descr', 'fortran_order' and
// 'shape'. The reader is strict, and never evaluates or unpickles anything.
#pragma once

#include <eightbit/tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

struct NpyHeader {
  std::string descr;  // as written: "<f4"
  // undefined where this library has no such type: strings, objects, records, ...
  DType dtype = DType::undefined;
  size_t item_size = 0;  // bytes of an element; 0 where unknown
  bool swapped = false;  // stored in the other byte order
  bool fortran_order = false;
  Shape shape;
  uint64_t data_offset = 0;  // bytes in front of the data
  uint64_t data_size = 0;    // bytes of all elements; 0 for unknown types
};

constexpr size_t kMostNpyHeader = 16384;  // NumPy itself refuses headers over 10,000 bytes

// `begin`: the first bytes, all of the header included (kMostNpyHeader are always enough). `name`
// is for messages. Throws DataError for anything but a well-formed header.
NpyHeader parse_npy_header(std::span<const std::byte> begin, std::string_view name);

// Reverses the bytes of each element.
void swap_elements(std::span<std::byte> bytes, size_t item_size);

// Column-major to row-major.
std::vector<std::byte> to_row_major(std::span<const std::byte> bytes, const Shape& shape,
                                    size_t item_size);

}  // namespace eightbit
