// Flags that say where samples come from and how files become tensors.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "texts.h"

namespace eightbit::cli {

// The same with the model's inputs, which decide what options leave open.
FileDatasetOptions for_model(FileDatasetOptions options, const Model& model);

class DataFlags {
 public:
  void add_to(CLI::App& verb);

  bool given() const { return !source_.empty(); }
  std::string text() const;  // all of them, as they were given
  // InvalidArgument when a flag besides --data was given
  void refuse_details(const std::string& why) const;
  Dataset open(const Model& model) const;  // throws InvalidArgument without --data
  // other samples, in the same form
  Dataset open(const Model& model, const std::string& source) const;
  std::optional<Sample> first_sample(const Model& model) const;  // nothing without --data

 private:
  Dataset open_texts(const Model& model, const std::string& source) const;
  std::vector<std::pair<const char*, const std::string*>> details() const;

  TextFlags texts_;
  std::string source_, mean_, scale_, resize_, layout_, color_, sample_rate_, channel_, length_,
      shape_, dtype_, input_, max_length_;
};

}  // namespace eightbit::cli
