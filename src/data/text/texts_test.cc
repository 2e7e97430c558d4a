#include <eightbit/texts.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>

#include "base/error.h"
#include "data/test_files.h"

namespace eightbit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A token for each word, which is its length; 1 in front and 2 behind each text.
class Words : public Tokenizer {
 public:
  Tokens encode(std::span<const std::string> texts, int64_t most) const override {
    Tokens tokens{{1}, {0}};
    for (size_t i = 0; i < texts.size(); ++i) {
      std::istringstream words(texts[i]);
      for (std::string word; words >> word;)
        tokens.ids.push_back(static_cast<int64_t>(word.size()));
      tokens.ids.push_back(2);
      tokens.types.resize(tokens.ids.size(), static_cast<int64_t>(i));
    }
    if (most > 0 && std::ssize(tokens.ids) > most) {
      tokens.ids.resize(static_cast<size_t>(most));
      tokens.types.resize(static_cast<size_t>(most));
      tokens.ids.back() = 2;
    }
    return tokens;
  }
  int64_t padding() const override { return 9; }
  std::string fingerprint() const override { return "words"; }
};

std::vector<int64_t> values(const Tensor& tensor) {
  const auto* data = reinterpret_cast<const int64_t*>(tensor.data);
  return {data, data + element_count(tensor.shape)};
}

class Texts : public testing::FolderTest {
 protected:
  // An input for each name, of `length` tokens.
  Dataset open(const std::string& source, std::vector<std::string> inputs, int64_t length = -1,
               TextDatasetOptions options = {}) const {
    options.model_input_shapes.assign(inputs.size(), Shape{1, length});
    options.model_input_names = std::move(inputs);
    return open_texts(path(source), std::make_shared<Words>(), options);
  }

  template <typename Kind>
  std::string refusal(const std::function<void()>& work) const {
    try {
      work();
    } catch (const Kind& error) {
      return error.what();
    }
    return "nothing was refused";
  }
};

TEST_F(Texts, ALineIsASample) {
  write("t/b.jsonl", "{\"text\": \"d\\u00e9j\\u00e0 vu\"}\n");
  write("t/a.txt", "\xef\xbb\xbfone two\r\n\n  \nthree\n");
  write("t/c.png", "no text");
  const Dataset data = open("t", {"input_ids", "attention_mask"});
  for (int reading = 0; reading < 2; ++reading) {
    auto source = data.open();
    const auto first = source->next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->inputs[0].name, "input_ids");
    EXPECT_EQ(first->inputs[0].tensor.shape, (Shape{1, 4}));
    EXPECT_THAT(values(first->inputs[0].tensor), ElementsAre(1, 3, 3, 2));
    EXPECT_THAT(values(first->inputs[1].tensor), ElementsAre(1, 1, 1, 1));
    EXPECT_THAT(values(source->next()->inputs[0].tensor), ElementsAre(1, 5, 2));
    EXPECT_THAT(values(source->next()->inputs[0].tensor), ElementsAre(1, 6, 2, 2));
    EXPECT_FALSE(source->next());
  }
  auto skipped = data.open();
  skipped->skip(1);
  EXPECT_THAT(values(skipped->next()->inputs[0].tensor), ElementsAre(1, 5, 2));
}

TEST_F(Texts, NamesOfFilesInCapitals) {
  write("T/A.TXT", "one two\n");
  write("T/B.JSONL", R"({"text": "three"})");
  auto source = open("T", {"tokens"}).open();
  EXPECT_THAT(values(source->next()->inputs[0].tensor), ElementsAre(1, 3, 3, 2));
  EXPECT_THAT(values(source->next()->inputs[0].tensor), ElementsAre(1, 5, 2));
}

TEST_F(Texts, EveryNameThatAnInputMayHaveIsFed) {
  write("a.txt", "one\n");
  const std::vector<std::vector<int64_t>> given = {{1, 3, 2}, {1, 1, 1}, {0, 0, 0}, {0, 1, 2}};
  ASSERT_EQ(token_rows().size(), given.size());
  for (size_t row = 0; row < given.size(); ++row)
    for (const std::string_view name : token_rows()[row].input_names) {
      const auto sample = open("a.txt", {std::string(name)}).open()->next();
      EXPECT_EQ(values(sample->inputs[0].tensor), given[row]) << name;
    }
}

TEST_F(Texts, TheModelsLengthDecides) {
  write("a.txt", "one two three four\nfive\n");
  auto source = open("a.txt", {"ids", "mask", "type_ids", "positions"}, 5).open();
  const auto cut = source->next(), filled = source->next();
  EXPECT_THAT(values(cut->inputs[0].tensor), ElementsAre(1, 3, 3, 5, 2));
  EXPECT_THAT(values(filled->inputs[0].tensor), ElementsAre(1, 4, 2, 9, 9));
  EXPECT_THAT(values(filled->inputs[1].tensor), ElementsAre(1, 1, 1, 0, 0));
  EXPECT_THAT(values(filled->inputs[3].tensor), ElementsAre(0, 1, 2, 0, 0));
  TextDatasetOptions shorter;
  shorter.max_length = 3;
  EXPECT_THAT(values(open("a.txt", {"ids"}, -1, shorter).open()->next()->inputs[0].tensor),
              ElementsAre(1, 3, 2));
  EXPECT_THAT(refusal<InvalidArgument>([&] { open("a.txt", {"ids"}, 5, shorter); }),
              HasSubstr("takes 5 tokens"));
}

TEST_F(Texts, PairsAreTwoKeys) {
  write("a.jsonl", R"({"q": "one two", "a": "three"})");
  TextDatasetOptions pair;
  pair.fields = {"q", "a"};
  const auto sample = open("a.jsonl", {"input_ids", "token_type_ids"}, -1, pair).open()->next();
  EXPECT_THAT(values(sample->inputs[0].tensor), ElementsAre(1, 3, 3, 2, 5, 2));
  EXPECT_THAT(values(sample->inputs[1].tensor), ElementsAre(0, 0, 0, 0, 1, 1));
}

TEST_F(Texts, WhatIsWrongIsNamed) {
  write("a.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}\n");
  write("b.jsonl", "no json\n");
  write("c.jsonl", "{\"text\": 3}\n");
  write("d.txt", "d\xe9j\xe0 vu\n");
  const auto reading = [&](const std::string& source) {
    return refusal<DataError>([&] {
      auto lines = open(source, {"input_ids"}).open();
      while (lines->next()) {
      }
    });
  };
  EXPECT_THAT(reading("a.jsonl"), HasSubstr("'a.jsonl' line 2 has no 'text'. It has: txt"));
  EXPECT_THAT(reading("b.jsonl"), HasSubstr("line 1 is no JSON"));
  EXPECT_THAT(reading("c.jsonl"), HasSubstr("'text' is a number"));
  EXPECT_THAT(reading("d.txt"), HasSubstr("'d.txt' line 1 is not UTF-8"));
  EXPECT_THAT(reading("gone"), HasSubstr("no .txt and no .jsonl"));
  EXPECT_THAT(refusal<InvalidArgument>([&] { open("a.jsonl", {"x"}); }),
              HasSubstr("what does the input 'x' take"));
}

TEST_F(Texts, FingerprintsTellSettingsApart) {
  write("a.txt", "one\n");
  const std::string one = open("a.txt", {"ids"}).open()->fingerprint();
  EXPECT_EQ(open("a.txt", {"ids"}).open()->fingerprint(), one);
  EXPECT_NE(open("a.txt", {"ids"}, 4).open()->fingerprint(), one);
  EXPECT_NE(open("a.txt", {"mask"}).open()->fingerprint(), one);
  write("a.txt", "one two\n");
  EXPECT_NE(open("a.txt", {"ids"}).open()->fingerprint(), one);
}

}  // namespace
}  // namespace eightbit
