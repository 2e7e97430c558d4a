#include <eightbit/texts.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "data/file_set.h"
#include "data/text/text_lines.h"

namespace eightbit {
namespace {

// In the order of token_rows().
enum class Row { ids, mask, types, positions };

std::optional<Row> row_for(std::string_view input) {
  const std::span<const TokenRow> rows = token_rows();
  for (size_t i = 0; i < rows.size(); ++i)
    if (std::ranges::count(rows[i].input_names, input) > 0) return static_cast<Row>(i);
  return std::nullopt;
}

// What is fed, and how texts are cut and filled up for it.
class TextForm {
 public:
  TextForm(std::shared_ptr<const Tokenizer> tokenizer, const TextDatasetOptions& options)
      : tokenizer_(std::move(tokenizer)), length_(options.max_length) {
    for (const std::string& name : options.model_input_names) {
      const auto row = row_for(name);
      if (!row)
        fail<InvalidArgument>("open_texts",
                              "what does the input '{}' take? A tokenizer feeds input_ids, "
                              "attention_mask, token_type_ids and position_ids. Rename it",
                              name);
      inputs_.emplace_back(name, *row);
    }
    int64_t fixed = 0;
    for (const Shape& shape : options.model_input_shapes)
      if (shape.size() == 2 && shape[1] > 0) fixed = fixed ? std::min(fixed, shape[1]) : shape[1];
    fills_up_ = fixed > 0;
    if (fixed && length_ && length_ != fixed)
      fail<InvalidArgument>("open_texts",
                            "max_length is {}, and the model takes {} tokens. Leave it out",
                            length_, fixed);
    if (fixed) length_ = fixed;
  }

  Sample sample(const PlacedText& text) const {
    const Tokens tokens = encoded(text);
    if (tokens.ids.empty())
      fail<DataError>("open_texts", "{} has no token. Take it out", text.place);
    Sample sample;
    for (const auto& [name, row] : inputs_)
      sample.inputs.push_back({name, tensor_of(values(tokens, row), filler(row))});
    return sample;
  }

  std::string fingerprint() const {
    std::string text =
        fmt::format("{} length {} {}", tokenizer_->fingerprint(), length_, fills_up_);
    for (const auto& [name, row] : inputs_)
      text += fmt::format(" {}={}", name, static_cast<int>(row));
    return text;
  }

 private:
  Tokens encoded(const PlacedText& text) const {
    try {
      return tokenizer_->encode(text.texts, length_);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{} ({})", error.what(), text.place));
    }
  }

  static std::vector<int64_t> values(const Tokens& tokens, Row row) {
    std::vector<int64_t> values(tokens.ids.size(), row == Row::mask ? 1 : 0);
    if (row == Row::ids) return tokens.ids;
    if (row == Row::types && !tokens.types.empty()) return tokens.types;
    if (row == Row::positions) std::iota(values.begin(), values.end(), int64_t{0});
    return values;
  }

  int64_t filler(Row row) const { return row == Row::ids ? tokenizer_->padding() : 0; }

  Tensor tensor_of(std::vector<int64_t> values, int64_t filler) const {
    if (fills_up_) values.resize(static_cast<size_t>(length_), filler);
    Tensor tensor = Tensor::allocate(DType::i64, {1, static_cast<int64_t>(values.size())});
    std::ranges::copy(std::as_bytes(std::span(values)), tensor.mutable_data());
    return tensor;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::pair<std::string, Row>> inputs_;
  int64_t length_ = 0;  // 0: as the tokenizer says
  bool fills_up_ = false;
};

// What a dataset shares with all its readings.
struct Texts {
  TextFiles files;
  std::vector<std::string> fields;
  TextForm form;

  std::string fingerprint() const {
    Digest digest = digest_of(files.paths, files.names);
    for (const std::string& field : fields) digest.add(field);
    return fmt::format("texts {} {}", digest.hex(), form.fingerprint());
  }
};

class TextSource : public SampleSource {
 public:
  explicit TextSource(std::shared_ptr<const Texts> texts)
      : texts_(std::move(texts)), lines_(texts_->files, texts_->fields) {}

  std::optional<Sample> next() override {
    const std::optional<PlacedText> text = lines_.next();
    return text ? std::optional(texts_->form.sample(*text)) : std::nullopt;
  }

  void skip(int64_t n) override {
    for (int64_t i = 0; i < n && lines_.next(); ++i) {
    }
  }

  std::string fingerprint() const override { return texts_->fingerprint(); }

 private:
  std::shared_ptr<const Texts> texts_;
  TextLines lines_;
};

}  // namespace

std::span<const TokenRow> token_rows() {
  static const std::array<TokenRow, 4> kRows = {
      {{"ids", {"input_ids", "ids", "tokens", "token_ids"}},
       {"mask", {"attention_mask", "mask", "input_mask"}},
       {"types", {"token_type_ids", "segment_ids", "type_ids"}},
       {"positions", {"position_ids", "positions"}}}};
  return kRows;
}

Dataset open_texts(const std::string& source, std::shared_ptr<const Tokenizer> tokenizer,
                   const TextDatasetOptions& options) {
  if (!tokenizer) fail<InvalidArgument>("open_texts", "there is no tokenizer. Open one first");
  if (options.fields.empty() || options.fields.size() > 2)
    fail<InvalidArgument>("open_texts",
                          "{} keys are named. Name that of the text, or two of a pair",
                          options.fields.size());
  if (options.max_length < 0)
    fail<InvalidArgument>("open_texts", "max_length is {}. It must be at least 1",
                          options.max_length);
  auto texts = std::make_shared<const Texts>(
      Texts{find_texts(source), options.fields, TextForm(std::move(tokenizer), options)});
  return Dataset::from_source([texts] { return std::make_unique<TextSource>(texts); });
}

}  // namespace eightbit
