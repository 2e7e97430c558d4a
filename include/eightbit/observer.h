// Calibration through code of the user's own: the user runs, eightbit watches.
//
//   eightbit::Observer detector(eightbit::Model::read("detector.xml"));
//   for (const auto& picture : pictures) find_faces(picture, detector);  // calls detector(sample)
//   auto quantized = eightbit::quantize(detector.model(), detector.statistics());
//
// An observer is called as the compiled model would be, one sample or batch at a time, with
// whatever the program around it has made of the call before: one model of a chain, one level of a
// pyramid of pictures. Memory does not grow with the number of calls beyond 12 bytes a measured
// value and sample.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/run.h>
#include <eightbit/statistics.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace eightbit {

class Observer {
 public:
  // `options.subset_size`: of more samples only the outputs are computed. Throws InvalidArgument
  // for a shard and for a checkpoint, which belong to data that can be read again. Compiles at the
  // first call.
  explicit Observer(const Model& model, const CalibrateOptions& options = {},
                    const RunOptions& run = {});

  // The model's outputs, in its order, computed in f32. The state of a stateful model goes on from
  // call to call unless `sample.reset_state` says otherwise. Calls of several threads wait for each
  // other. Throws DataError for what does not fit the model; what was measured before stays.
  std::vector<Tensor> operator()(const Sample& sample);
  // The next call begins with fresh states.
  void reset_state();

  const Model& model() const;
  int64_t calls() const;
  int64_t samples() const;  // measured so far; the items of a batch count

  // What calibrate() makes of the same samples in the same order: with OpenVINO byte for byte where
  // `threads` is 1. Else sums may differ in their last bits, as more threads share one inference
  // and ONNX Runtime fuses other ops where outputs are read. From here on calls compute outputs and
  // nothing else. Throws DataError where the model was never called.
  Statistics statistics();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace eightbit
