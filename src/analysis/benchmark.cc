// How fast models run, over what every engine offers.
#include <eightbit/compare.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <vector>

#include "analysis/zeros.h"
#include "backends/network.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace eightbit {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUp = 5;  // runs that do not count

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values, double p = 0.5) {
  std::ranges::sort(values);
  return values.empty()
             ? 0.0
             : values[std::min(values.size() - 1,
                               static_cast<size_t>(p * static_cast<double>(values.size())))];
}

void warm_up(backends::Runner& runner, const Sample& sample) {
  runner.run(sample);
  for (int run = 1; run < kWarmUp; ++run) runner.again();
}

// Seconds of each inference, one at a time, for about `seconds`.
std::vector<double> latencies_of(const backends::Network& network, const Sample& sample,
                                 double seconds) {
  const auto runner = network.runner(backends::FloatPrecision::f32);
  warm_up(*runner, sample);
  std::vector<double> each;
  for (const auto begin = Clock::now(); each.empty() || seconds_since(begin) < seconds;) {
    const auto start = Clock::now();
    runner->again();
    each.push_back(seconds_since(start));
  }
  return each;
}

// Along axis 0 of the first input.
int64_t items_of(const backends::Network& network, const Sample& sample) {
  const auto ports = network.inputs();
  if (ports.empty() || sample.inputs.empty()) return 1;
  const auto named = std::ranges::find(sample.inputs, ports[0].name, &NamedTensor::name);
  const Shape& shape = (named == sample.inputs.end() ? sample.inputs.front() : *named).tensor.shape;
  return shape.empty() ? 1 : shape[0];
}

int64_t run_for(backends::Runner& runner, Clock::time_point start, double seconds) {
  int64_t finished = 0;
  do {
    runner.again();
    ++finished;
  } while (seconds_since(start) < seconds);
  return finished;
}

// Samples a second with all cores busy, for about `seconds`. A runner without company stays on this
// thread, which may be the only one that its framework knows.
double throughput_of(const backends::Network& network, const Sample& sample, double seconds) {
  const auto runners = network.engine().parallel_runners(network);
  for (const auto& runner : runners) warm_up(*runner, sample);
  const auto start = Clock::now();
  int64_t finished = 0;
  if (runners.size() == 1) {
    finished = run_for(*runners[0], start, seconds);
  } else {
    ThreadPool pool(static_cast<int>(runners.size()));
    std::vector<std::future<int64_t>> running;
    for (const auto& runner : runners)
      running.push_back(pool.submit([&] { return run_for(*runner, start, seconds); }));
    for (auto& one : running) finished += one.get();
  }
  return static_cast<double>(finished * items_of(network, sample)) / seconds_since(start);
}

}  // namespace

std::vector<BenchmarkRow> benchmark(std::span<const Model> models,
                                    const std::optional<Sample>& sample,
                                    const BenchmarkOptions& options, const RunOptions& run) {
  if (options.rounds < 1 || options.seconds <= 0)
    fail<InvalidArgument>("benchmark", "{} rounds of {} s. Both must be positive.", options.rounds,
                          options.seconds);
  std::vector<std::vector<double>> latencies(models.size()), throughputs(models.size());
  const double slice = options.seconds / options.rounds;
  for (int round = 0; round < options.rounds; ++round)
    for (size_t m = 0; m < models.size(); ++m) {
      const backends::Network& backend = models[m].impl();
      const Sample input = sample ? *sample : zeros(backend.inputs());
      for (double s : latencies_of(backend, input, slice)) latencies[m].push_back(1e3 * s);
      throughputs[m].push_back(throughput_of(backend, input, slice));
      if (run.progress)
        run.progress({"benchmark", static_cast<int64_t>(round * models.size() + m + 1),
                      static_cast<int64_t>(options.rounds * models.size())});
    }
  std::vector<BenchmarkRow> rows;
  for (size_t m = 0; m < models.size(); ++m)
    rows.push_back({median(latencies[m]), median(latencies[m], 0.9), median(throughputs[m])});
  return rows;
}

}  // namespace eightbit
