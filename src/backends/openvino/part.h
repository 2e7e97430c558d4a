// The one function that the shared library of this folder shows (backends/openvino_part.h).
#pragma once

#include "backends/openvino_part.h"

extern "C" const eightbit::openvino::Part* eightbit_openvino_part();
