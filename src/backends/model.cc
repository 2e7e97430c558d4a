#include <eightbit/model.h>

#include "backends/network.h"
#include "base/error.h"

namespace eightbit {

Model Model::read(const std::filesystem::path& path, Engine engine) {
  return Model(backends::read(path, engine));
}

void Model::save(const std::filesystem::path& path, bool overwrite) const {
  impl().save(path, overwrite);
}

std::vector<PortInfo> Model::inputs() const { return impl().inputs(); }

std::vector<PortInfo> Model::outputs() const { return impl().outputs(); }

const backends::Network& Model::impl() const {
  if (!impl_)
    fail<InvalidArgument>("model", "the model is empty. Read one with Model::read, or wrap one");
  return *impl_;
}

}  // namespace eightbit
