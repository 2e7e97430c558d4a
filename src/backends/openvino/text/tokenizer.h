// Tokenizers that openvino-tokenizers has converted to IR, whose ops are in a library of its own.
#pragma once

#include <eightbit/texts.h>

#include <filesystem>
#include <memory>

namespace eightbit::openvino {

// `library`: libopenvino_tokenizers.so of the release that is used. Throws Unsupported where it
// cannot be loaded, ModelError for an IR that is no tokenizer.
std::shared_ptr<const Tokenizer> read_tokenizer(const std::filesystem::path& path,
                                                const std::filesystem::path& library);

}  // namespace eightbit::openvino
