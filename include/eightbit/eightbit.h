// eightbit: post-training quantization to 8 bits.
//
//   #include <eightbit/eightbit.h>
//   auto model = eightbit::Model::read("model.xml");
//   auto data = eightbit::open_files("images/");
//   auto quantized = eightbit::quantize(model, data, {.subset_size = 300});
//   quantized.save("model_int8.xml");
//
// All headers but those of models that live elsewhere (openvino.h, onnx.h, external.h), of strings
// in samples (strings.h) and of POT's files (pot.h):
//   model.h, dataset.h, texts.h  what goes in
//   options.h, quantize.h      what is made of it, and how
//   statistics.h, observer.h   measuring once, for many results
//   recipe.h, run.h            what was decided, and how a call is carried out
//   compare.h, report.h        how good and how fast the result is
//   accuracy_control.h         layers in float until little accuracy is lost
// A header includes what it needs.
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
#include <eightbit/texts.h>

namespace eightbit {

std::string_view version();  // "0.1.0"

}  // namespace eightbit
