// An array in a .npy file or in a member of a .npz: its header at once, its data when asked for.
//
// Plain data in row-major order is read slice by slice and never as a whole, so memory does not
// depend on the size of the file. What cannot be sliced in the file (deflated members,
// column-major order) is loaded once, with a line in the log. Checksums of small members are
// checked before the first slice; of large ones while slices are read in order, so damage behind
// the last slice that is used goes unnoticed.
#pragma once

#include <eightbit/tensor.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "data/arrays/npy.h"
#include "data/arrays/zip.h"
#include "data/digest.h"
#include "data/random_access_file.h"

namespace eightbit {

class StoredArray {
 public:
  // `member`: set for a .npz. `name`: of the array, "" for a .npy.
  StoredArray(std::shared_ptr<const RandomAccessFile> file, std::optional<ZipMember> member,
              std::string name);

  const std::string& name() const { return name_; }
  const NpyHeader& header() const { return header_; }
  std::string label() const;  // for messages: 'calib.npz' array 'ids'
  void require_type() const;  // throws DataError where the element type is not a number

  int64_t rows() const { return header_.shape.front(); }  // needs rank >= 1
  void prepare_rows();                                    // before the first row(); may load
  Tensor row(int64_t index) const;                        // [1, ...]
  Tensor whole() const;
  // elements of type '<U' as UTF-8; throws DataError where they are no texts
  std::vector<std::string> texts() const;
  void identify(Digest& digest) const;

 private:
  struct RunningCrc {
    std::mutex mutex;
    int64_t next_row = 0;
    uint32_t crc = 0;
  };

  // all elements, row-major, native byte order, checked
  std::vector<std::byte> load() const;
  std::vector<std::byte> begin_of_data() const;
  void check_stored(int64_t index, std::span<const std::byte> bytes) const;

  std::shared_ptr<const RandomAccessFile> file_;
  std::optional<ZipMember> member_;
  std::string name_;
  NpyHeader header_;
  std::shared_ptr<const std::vector<std::byte>> loaded_;
  std::shared_ptr<RunningCrc> crc_;
};

// The arrays of a .npy (one) or .npz. Arrays of any element type are listed.
std::vector<StoredArray> list_arrays(const std::filesystem::path& path);

}  // namespace eightbit
