// Names that OpenVINO makes up for nodes that a file does not name.
//
// It counts nodes over the whole process, so that "Convolution_546" is another node when the same
// file is read again: a name that a message gave could not be used. In their place stands the type
// with the node's number among those that had no name either, which is the same each time.
#pragma once

#include <cstdint>
#include <openvino/core/model.hpp>

namespace eightbit::openvino {

// The number that OpenVINO gives to the next node of the process.
uint64_t next_node_number();

// Renames the nodes of `model` (bodies of control flow included) whose name is a type and a number
// from `first` on: next_node_number() before the model was read.
void rename_made_up(const ov::Model& model, uint64_t first);

}  // namespace eightbit::openvino
