// Text as samples: a Python that has the packages eightbit and tokenizers turns it into tokens.
#pragma once

#include <eightbit/model.h>

#include <filesystem>
#include <string>

namespace eightbit::cli {

struct TextFlags {
  std::string tokenizer;  // a tokenizer.json, or a folder with one
  std::string field;  // of .jsonl: the key of the text, or two with a comma between; empty: text
  std::string max_length;  // tokens; empty: the model's length, or what the tokenizer says
};

// A folder of .npz files, a text each, which is removed when the program ends. `source`: a .txt or
// .jsonl, a folder or a glob of them. The Python is the one in EIGHTBIT_PYTHON, which the package
// sets for its own command line, else python3. Throws DataError with what Python says.
std::filesystem::path tokens_of(const std::string& source, const TextFlags& flags,
                                const Model& model);

}  // namespace eightbit::cli
