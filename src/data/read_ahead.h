// Reads a store in order, a few samples ahead on a thread of its own, so that decoding overlaps
// inference.
//
// skip() costs nothing, and a reader that always skips the same number (a shard) is followed: after
// the second sample the thread loads only what will be asked for.
#pragma once

#include <memory>

#include "data/sample_store.h"

namespace eightbit {

std::unique_ptr<SampleSource> read_ahead(std::shared_ptr<const SampleStore> store);

}  // namespace eightbit
