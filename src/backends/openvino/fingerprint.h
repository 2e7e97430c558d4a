// A hash of everything that decides what a model computes: topology, attributes, shapes, types and
// constants. Names are left out, since OpenVINO makes them up where there are none.
#pragma once

#include <cstdint>
#include <openvino/core/model.hpp>

namespace eightbit::openvino {

uint64_t fingerprint(const ov::Model& model);

}  // namespace eightbit::openvino
