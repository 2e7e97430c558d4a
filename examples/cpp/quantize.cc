// Quantizes a model with samples that the program makes itself, shows progress and where time went.
//   quantize MODEL.xml OUT.xml
#include <eightbit/eightbit.h>

#include <iostream>
#include <random>

namespace {

// Noise in the place of your camera, database or queue. Called from one thread, ahead of inference.
eightbit::Dataset noise(const eightbit::PortInfo& input, int64_t count) {
  auto next = [shape = input.shape, left = count,
               random = std::mt19937()]() mutable -> std::optional<eightbit::Sample> {
    if (left-- == 0) return std::nullopt;
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(eightbit::element_count(shape)));
    for (float& value : values) value = normal(random);
    return eightbit::Sample{{{"", eightbit::Tensor::from_floats(values, shape)}}, {}};
  };
  return eightbit::Dataset::from_function(std::move(next), count);
}

void show(const eightbit::Progress& progress) {
  std::cerr << '\r' << progress.step << ' ' << progress.done << '/' << progress.total << std::flush;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: quantize MODEL.xml OUT.xml\n", 2;
  try {
    const auto model = eightbit::Model::read(argv[1]);
    eightbit::Report report;
    const auto quantized =
        eightbit::quantize(model, noise(model.inputs().front(), 64), {.subset_size = 64},
                           {.progress = show, .report = &report});
    quantized.save(argv[2], true);
    std::cerr << '\n';
    for (const auto& step : report.steps) std::cout << step.step << ' ' << step.seconds << " s\n";
  } catch (const eightbit::Error& error) {
    return std::cerr << error.what() << '\n', 1;
  }
}
