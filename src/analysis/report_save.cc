#include <eightbit/report.h>

#include "base/error.h"
#include "base/whole_file.h"

namespace eightbit {

void ModelReport::save(const std::filesystem::path& path, bool overwrite) const {
  const bool page = path.extension() == ".html";
  if (!page && path.extension() != ".json")
    fail<InvalidArgument>("report", "'{}' does not say what to write. Name it .html or .json.",
                          path.string());
  const std::string text = page ? to_html() : to_json();
  write_whole_file(path, overwrite, [&](const Write& write) { write(text.data(), text.size()); });
}

}  // namespace eightbit
