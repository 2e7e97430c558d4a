// What Accuracy Checker's configurations say about pictures: where they are, how they are prepared,
// what is on them. https://docs.openvino.ai of 2023 describes the format.
#pragma once

#include <eightbit/pot.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/json_reader.h"

namespace eightbit::pot {

struct CheckedModel {
  Pictures calibration, evaluation;
  std::vector<int64_t> top_k;  // of the metrics that the evaluation's dataset asks for
  std::string unmeasured;  // what is said where one of the others is needed; empty: there is none
  std::vector<std::string> notes;
};

// `model`: {"launchers": [...], "datasets": [...]}, an entry of a file's "models". Paths in it are
// relative to `folder`, or to the folders in DATA_DIR and ANNOTATIONS_DIR where these are set.
// Throws Unsupported that names the key for a step or reader that is not known: one that is left
// out would ruin accuracy in silence.
CheckedModel checked_model(const JsonEntry& model, const std::filesystem::path& folder);

}  // namespace eightbit::pot
