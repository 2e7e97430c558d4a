#include "quant/scheme.h"

#include <fmt/format.h>

namespace eightbit {

std::string to_text(const QuantizerSpec& spec) {
  const std::string kind =
      spec.fp8 ? (*spec.fp8 == FP8Type::f8e4m3 ? "f8e4m3" : "f8e5m2")
               : fmt::format("{}b {}", spec.bits,
                             spec.mode == QuantizationScheme::symmetric ? "sym" : "asym");
  return fmt::format("{} {}{}{}", kind, spec.per_channel ? "pc" : "pt",
                     !spec.signedness   ? ""
                     : *spec.signedness ? " signed"
                                        : " unsigned",
                     spec.narrow_range ? " narrow" : "");
}

}  // namespace eightbit
