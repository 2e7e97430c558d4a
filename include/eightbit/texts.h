// Text as samples, through the tokenizer that a model was trained with.
//
//   const auto tokenizer = openvino::open_tokenizer("openvino_tokenizer.xml");
//   const auto data = open_texts("texts.jsonl", tokenizer, options);
#pragma once

#include <eightbit/dataset.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {

// A text, or two of a pair, as numbers. Nothing is filled up.
struct Tokens {
  std::vector<int64_t> ids;
  std::vector<int64_t> types;  // 1 for what belongs to the second text; empty: 0 for all
};

// May be called from several threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // `most`: to how many tokens the text is cut, those that mark its ends included; 0: to what the
  // tokenizer itself says. Throws InvalidArgument for a number of texts that it does not take.
  virtual Tokens encode(std::span<const std::string> texts, int64_t most) const = 0;
  virtual int64_t padding() const = 0;  // the token that texts are filled up with
  virtual std::string fingerprint() const = 0;
};

// What texts give to a model, a number for each token, and the names of inputs that take it, the
// most usual one first.
struct TokenRow {
  std::string_view kind;  // "ids", "mask", "types", "positions"
  std::vector<std::string_view> input_names;
};
std::span<const TokenRow> token_rows();

struct TextDatasetOptions {
  std::vector<std::string> fields{"text"};  // of .jsonl: the key of the text, or two of a pair
  int64_t max_length = 0;  // tokens that a text is cut to; 0: the model's length decides
  // Filled by the caller from the model. A length that is fixed is what texts are cut and filled
  // up to.
  std::vector<std::string> model_input_names{};
  std::vector<Shape> model_input_shapes{};
};

// Each line of .txt files is a sample, and each of .jsonl; empty ones are passed over. SOURCE is
// such a file, a folder or a glob of them, in sorted order. What inputs take is told by their
// names (token_rows()). Throws DataError naming file and line, InvalidArgument for an input that a
// tokenizer cannot feed.
Dataset open_texts(const std::string& source, std::shared_ptr<const Tokenizer> tokenizer,
                   const TextDatasetOptions& options);

}  // namespace eightbit
