// OpenVINO is a part: what links it is a shared library of its own for each release, since names of
// OpenVINO's libraries carry the exact one. It is opened when the first model needs it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

namespace ov {
class Model;
}

namespace eightbit {
class Tokenizer;
}

namespace eightbit::backends {
class Network;
}

namespace eightbit::openvino {

// What such a library offers, through its one function, kPartFunction, of type PartFunction.
struct Part {
  std::string_view built_for;  // of eightbit, the version
  std::string_view release;    // of OpenVINO
  const std::type_info& model_type;
  std::shared_ptr<const backends::Network> (*read)(const std::filesystem::path& path);
  std::shared_ptr<const backends::Network> (*wrap)(const ov::Model& model);
  std::shared_ptr<ov::Model> (*unwrap)(const backends::Network& network);
  void (*unwrap_into)(const backends::Network& network, ov::Model& target);
  // `library`: that of openvino-tokenizers.
  std::shared_ptr<const Tokenizer> (*tokenizer)(const std::filesystem::path& path,
                                                const std::filesystem::path& library);
};
using PartFunction = const Part* (*)();
inline constexpr const char* kPartFunction = "eightbit_openvino_part";

// That of the OpenVINO that is installed, opened at the first call: the one that is in the process
// already; else in the folder that $EIGHTBIT_OPENVINO names, and nowhere else; in what look_in()
// named; in the package `openvino` of Python; where the system's loader looks. Throws Unsupported
// where there is none, or of a release for which this build has no part.
const Part& part();

// For programs that link a part themselves, as tests do.
void use_part(const Part& linked);

// Files that OpenVINO has a reader for, and what it calls the reader; the folder of a SavedModel is
// read, too.
struct Format {
  std::string_view extension, framework;
};
inline constexpr Format kFormats[] = {{".xml", "ir"},
                                      {".onnx", "onnx"},
                                      {".tflite", "tflite"},
                                      {".pb", "tf"},
                                      {".pdmodel", "paddle"}};

// "2026.4.1" for libopenvino.so.2641; "" for another name.
std::string release_of(const std::string& library);

// Releases, the newest first.
void sort_releases(std::vector<std::string>& releases);

}  // namespace eightbit::openvino
