// A program that knows eightbit only from its installation.
#include <eightbit/eightbit.h>

#include <cstdio>
#include <string>

namespace {

// Errors keep their type on the way out of the library.
bool missing_file_is_reported() {
  try {
    eightbit::Model::read("/nonexistent/model.xml");
  } catch (const eightbit::FileError& error) {
    return std::string(error.what()).find("/nonexistent/model.xml") != std::string::npos;
  }
  return false;
}

bool wrong_option_is_reported() {
  try {
    eightbit::validate({.subset_size = -1});
  } catch (const eightbit::InvalidArgument& error) {
    return std::string(error.what()).find("subset_size") != std::string::npos;
  }
  return false;
}

bool samples_come_back() {
  const auto tensor = eightbit::Tensor::from_floats(std::vector<float>{1, 2, 3}, {1, 3});
  auto source = eightbit::Dataset::from_range(std::vector{tensor, tensor}).open();
  int count = 0;
  while (source->next()) ++count;
  return count == 2;
}

}  // namespace

int main() {
  if (!missing_file_is_reported() || !wrong_option_is_reported() || !samples_come_back()) return 1;
  std::printf("eightbit %s\n", std::string(eightbit::version()).c_str());
  return 0;
}
