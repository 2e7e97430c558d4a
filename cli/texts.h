// Text as samples: through a tokenizer that OpenVINO runs, or by a Python that has the packages
// eightbit and tokenizers.
#pragma once

#include <eightbit/dataset.h>
#include <eightbit/model.h>

#include <cstdint>
#include <string>

namespace eightbit::cli {

struct TextFlags {
  // a tokenizer.json, or an openvino_tokenizer.xml; or a folder with one, which is the first where
  // it has both
  std::string tokenizer;
  std::string field;  // of .jsonl: the key of the text, or two with a comma between; empty: text
  int64_t max_length = 0;  // tokens; 0: the model's length, or what the tokenizer says
};

// `source`: a .txt or .jsonl, a folder or a glob of them. Through a tokenizer.json the samples
// become files that are removed when the program ends; the Python is the one in EIGHTBIT_PYTHON,
// which the package sets for its own command line, else python3. Throws DataError with what Python
// says, and what open_tokenizer() and open_texts() throw.
Dataset texts_of(const std::string& source, const TextFlags& flags, const Model& model);

}  // namespace eightbit::cli
