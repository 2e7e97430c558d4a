#include "pipeline/trial/model_so_far.h"

#include <fmt/format.h>

#include "backends/network.h"
#include "base/log.h"
#include "pipeline/trial/compile_ahead.h"

namespace eightbit {
namespace {

// A larger model is not written where nobody asked for it: temporary files may live in memory.
constexpr int64_t kUnaskedBytes = int64_t{256} << 20;

}  // namespace

void ModelSoFar::save(const Model& model) {
  if (in_own_framework(like_)) return;
  if (asked_.empty() && bytes_of(model) > kUnaskedBytes) return;
  try {
    if (!saved_) saved_.emplace(asked_, like_);
    saved_->save(model);
  } catch (const std::exception& error) {
    if (!asked_.empty()) throw;
    saved_.reset();
    log(LogLevel::debug, "the model so far is not kept: {}", error.what());
  }
  if (!saved_ || notice_) return;
  notice_.emplace(fmt::format(
      "eightbit: the runtime crashed in the trial run of the quantized model, which is whole in "
      "'{}'. With trial_run off (--no-trial-run) the same call ends with it. What crashed will "
      "crash where the model is used: update the runtime, or leave layers in float.",
      saved_->path().string()));
}

void ModelSoFar::leave() {
  if (!saved_) return;
  log(LogLevel::warning, "stopped. The best model so far is '{}'", saved_->path().string());
  saved_->keep();
}

}  // namespace eightbit
