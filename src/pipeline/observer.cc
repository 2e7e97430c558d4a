#include <eightbit/observer.h>

#include <mutex>
#include <optional>

#include "backends/network.h"
#include "base/error.h"
#include "pipeline/calibration.h"
#include "pipeline/measuring_pass.h"

namespace eightbit {
namespace {

const CalibrateOptions& checked(const CalibrateOptions& options, const RunOptions& run) {
  check(options, "observe");
  if (options.shard.count != 1)
    fail<InvalidArgument>("observe",
                          "shard {}/{}: what is observed has no shards. Save the statistics of "
                          "each process, and merge them.",
                          options.shard.index, options.shard.count);
  if (options.subset_size == 0)
    fail<InvalidArgument>("observe",
                          "subset_size is 0, and what is observed is not asked for until it has "
                          "settled. Give a number.");
  if (!run.checkpoint.empty())
    fail<InvalidArgument>("observe",
                          "a checkpoint is for data that can be read again. Leave it out, and "
                          "save statistics().");
  return options;
}

}  // namespace

struct Observer::Impl {
  Impl(const Model& observed, const CalibrateOptions& options, const RunOptions& how)
      : model(observed), run(how), pass(pass_of(checked(options, how))) {
    pass.set_on_speed([](const PassSpeed&) {});  // nobody knows when the user will be done
  }

  MeasuringPass pass_of(const CalibrateOptions& options) const {
    const backends::Network& network = model.impl();
    Calibration calibration = calibration_of(network, options);
    records::StatisticsData data(network.fingerprint(), "", std::move(calibration.points),
                                 std::move(calibration.layers));
    const MeasureOptions& measured = calibration.measured;
    data.options = measured.facts;
    const bool aside = !data.layers().empty() && !network.stateful();
    Feed feed(nullptr, network.inputs(),
              {measured.limit, false, {}, {}, measured.keep, aside, network.stateful(), false});
    return MeasuringPass(network, std::move(data), std::move(feed), false, run);
  }

  const Model model;
  const RunOptions run;
  std::mutex mutex;
  MeasuringPass pass;
  bool reset = true;
  int64_t calls = 0;
  std::optional<Statistics> statistics;
};

Observer::Observer(const Model& model, const CalibrateOptions& options, const RunOptions& run)
    : impl_(std::make_shared<Impl>(model, options, run)) {}

std::vector<Tensor> Observer::operator()(const Sample& sample) {
  std::lock_guard lock(impl_->mutex);
  Sample next = sample;
  const bool stateful = impl_->model.impl().stateful();
  if (stateful && !next.reset_state) next.reset_state = impl_->reset;
  std::vector<Tensor> outputs = impl_->pass.observe(next);
  impl_->reset = false;
  ++impl_->calls;
  return outputs;
}

void Observer::reset_state() {
  std::lock_guard lock(impl_->mutex);
  impl_->reset = true;
}

const Model& Observer::model() const { return impl_->model; }

int64_t Observer::calls() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->calls;
}

int64_t Observer::samples() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->statistics ? impl_->statistics->samples() : impl_->pass.samples();
}

Statistics Observer::statistics() {
  std::lock_guard lock(impl_->mutex);
  if (impl_->statistics) return *impl_->statistics;
  if (impl_->calls == 0)
    fail<DataError>("observe",
                    "the model was never called. Run the code around it on some samples first.");
  auto data = impl_->pass.finish_observing();
  warn_about_bad_values(data);
  return impl_->statistics.emplace(
      std::make_shared<const records::StatisticsData>(std::move(data)));
}

}  // namespace eightbit
