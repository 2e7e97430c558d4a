// eightbit: post-training quantization to 8 bits.
//
//   #include <eightbit/eightbit.h>
//   auto model = eightbit::Model::read("model.xml");
//   auto quantized = eightbit::quantize(model, eightbit::open_files("images/"), {.subset_size =
//   300}); quantized.save("model_int8.xml");
#pragma once

#include <eightbit/accuracy_control.h>
#include <eightbit/compare.h>
#include <eightbit/dataset.h>
#include <eightbit/error.h>
#include <eightbit/log.h>
#include <eightbit/model.h>
#include <eightbit/observer.h>
#include <eightbit/options.h>
#include <eightbit/quantize.h>
#include <eightbit/recipe.h>
#include <eightbit/report.h>
#include <eightbit/run.h>
#include <eightbit/statistics.h>
#include <eightbit/tensor.h>

namespace eightbit {

std::string_view version();  // "0.1.0"

}  // namespace eightbit
