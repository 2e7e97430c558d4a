// ONNX Runtime, opened at run time: nothing here links to it. Its C++ wrappers are headers over a
// table of functions, which is asked for in version 21, so that every library from 1.21 on will do.
#pragma once

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT

#include <filesystem>
#include <string>

namespace eightbit::onnx {

// The one environment of the process; the first call opens the library. Throws Unsupported, saying
// what to install, when there is none. Looked for in this order: the environment variable
// EIGHTBIT_ONNXRUNTIME, what set_onnxruntime_library() named, the `onnxruntime` package beside this
// library or in the Python environment that is active, the system.
Ort::Env& environment();

// What went wrong, without ONNX Runtime's source positions.
std::string cause_of(const std::exception& error);

}  // namespace eightbit::onnx
