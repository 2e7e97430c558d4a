// A hash of everything that decides what a model computes, and of its names; not of its metadata.
#pragma once

#include <cstdint>

#include "backends/onnx/proto/proto.h"

namespace eightbit::onnx {

uint64_t fingerprint(const Content& content);

}  // namespace eightbit::onnx
