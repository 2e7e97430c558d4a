// A float model and a quantized one that are measured on the same samples.
#pragma once

#include <eightbit/model.h>

#include <CLI/CLI.hpp>
#include <string>

#include "console.h"
#include "data_flags.h"

namespace eightbit::cli {

struct ModelPair {
  Model reference, quantized;
};

struct ModelPairFlags {
  std::string reference, quantized;  // files
  int64_t subset_size = 0;
  size_t layers = 10;  // to list
  DataFlags data;

  void add_to(CLI::App& verb, int64_t default_subset_size);
  // Throws InvalidArgument for flags, and what Model::read throws.
  ModelPair read(const CommonFlags& common) const;
};

}  // namespace eightbit::cli
