// Flags that say where samples come from and how files become tensors.
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <eightbit/dataset.h>
#include <eightbit/model.h>

namespace eightbit::cli {

class DataFlags {
 public:
  void add_to(CLI::App& verb);

  bool given() const { return !source_.empty(); }
  void refuse_details(const std::string& why) const;        // InvalidArgument when a flag besides --data was given
  Dataset open(const Model& model) const;                   // throws InvalidArgument without --data
  Dataset open(const Model& model, const std::string& source) const;   // other samples, in the same form
  std::optional<Sample> first_sample(const Model& model) const;   // nothing without --data

 private:
  std::vector<std::pair<const char*, const std::string*>> details() const;

  std::string source_, mean_, scale_, resize_, layout_, color_, shape_, dtype_, input_;
};

}  // namespace eightbit::cli
