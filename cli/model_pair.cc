#include "model_pair.h"

#include <eightbit/error.h>
#include <fmt/format.h>

namespace eightbit::cli {

void ModelPairFlags::add_to(CLI::App& verb, int64_t default_subset_size) {
  subset_size = default_subset_size;
  verb.add_option("FP32", reference, "Float model")->required();
  verb.add_option("INT8", quantized, "Quantized model, of this tool or another one")->required();
  verb.add_option("--subset-size", subset_size, "Samples to measure on")->capture_default_str();
  verb.add_option("--layers", layers, "Worst layers to list")->capture_default_str();
  data.add_to(verb);
}

ModelPair ModelPairFlags::read(const CommonFlags& common) const {
  if (subset_size < 1)
    throw InvalidArgument(
        fmt::format("[eightbit] --subset-size is {}. Allowed: numbers from 1 on", subset_size));
  const Engine engine = common.engine_for({reference, quantized});
  return {Model::read(reference, engine), Model::read(quantized, engine)};
}

}  // namespace eightbit::cli
