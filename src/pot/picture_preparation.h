// The steps that a data set of Accuracy Checker has between a file and the model's input.
#pragma once

#include <eightbit/pot.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/json_reader.h"
#include "data/images/image_preparation.h"

namespace eightbit::pot {

inline constexpr const char* kWayOut =
    "A DataLoader of ten lines in Python does the same with eightbit.pot (docs/pot.md)";

// Throws Unsupported that names the key, says why and what does the same.
template <typename... Args>
[[noreturn]] void refuse(const JsonEntry& entry, fmt::format_string<Args...> text, Args&&... args) {
  fail<Unsupported>("pot", "{}: {}. {}", entry.path(),
                    fmt::format(text, std::forward<Args>(args)...), kWayOut);
}

// A number, a list, a list of lists, or a text "1.0, 2.0, 3.0".
std::vector<double> numbers(const JsonEntry& entry);

// Reads a data set's reader and steps one by one, with the order of channels so far. Each throws
// what refuse() throws for what is not known: a step that is left out would ruin accuracy in
// silence.
class PicturePreparation {
 public:
  void reader(const JsonEntry& entry);
  void step(const JsonEntry& step);
  void finish(Pictures& pictures) const;
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void arrays(const JsonEntry& entry, const std::string& type);
  void resize(const JsonEntry& step);
  bool rescale(const JsonEntry& scale, ImageStep& made);
  void crop(const JsonEntry& step);
  void padding(const JsonEntry& step);
  std::array<double, 3> levels(const JsonEntry& entry, const std::vector<double>& given) const;
  void turn(const JsonEntry& step);
  void normalize(const JsonEntry& step);

  std::vector<std::string> notes_;
  std::vector<ImageOperation> operations_;
  std::pair<int64_t, int64_t> target_{0, 0};  // height and width of the last resize
  std::vector<double> mean_, scale_;          // of channels in their order so far
  bool bgr_ = true, gray_ = false;
  bool are_arrays_ = false;
  std::string kind_;  // the reader, of arrays
  DType dtype_ = DType::f32;
};

}  // namespace eightbit::pot
