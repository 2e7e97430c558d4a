// Pairs of quantizer and reader that a runtime does not turn into an integer kernel: they cost time
// and save none.
#pragma once

#include <eightbit/quantize.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "quant/plan.h"

namespace eightbit {

// Runtimes whose rules are known, those first that read files of this backend; empty: none.
std::vector<std::string_view> runtimes_for(std::string_view backend);

// By quantizer and reader, activations only. ONNX Runtime and OpenVINO: read off their optimized
// models (docs/onnx.md), for CPUs. TensorRT: "Working with Quantized Types" of its documentation,
// explicit quantization.
std::vector<UnfusedPair> unfused_pairs(const Graph& graph, const Plan& plan,
                                       std::string_view runtime);

// Lines for people: every pair that the first runtime does not fuse, counts for the others. Empty
// where all fuse.
std::string to_text(const std::vector<UnfusedPair>& pairs,
                    const std::vector<std::string_view>& runtimes);

nlohmann::ordered_json to_json(const std::vector<UnfusedPair>& pairs);

}  // namespace eightbit
