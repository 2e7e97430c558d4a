// Configurations of OpenVINO's Post-training Optimization Tool (POT), in eightbit's terms.
// docs/pot.md has the table of what each key becomes.
#pragma once

#include <eightbit/accuracy_control.h>
#include <eightbit/dataset.h>
#include <eightbit/model.h>
#include <eightbit/options.h>
#include <eightbit/tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eightbit {
struct ImagePreparation;  // the library's own
}

namespace eightbit::pot {

// All algorithms of a configuration together: they are steps of one quantization.
struct Algorithms {
  std::string name;  // of the first; result folders are called after it
  QuantizeOptions options;
  // Set: AccuracyAwareQuantization. A goal that is missed is no error: the best model comes back.
  std::optional<AccuracyControlOptions> control;
  std::optional<int64_t> stat_subset_size;  // items; unset: all that there are
  bool shuffle_data = false;
  uint64_t seed = 0;
  bool skip_model = false;  // the model stays as it is
  // what is accepted without an effect, a sentence each
  std::vector<std::string> notes;
};

// `json`: a list of {"name": ..., "params": {...}}, as create_pipeline takes it. Throws
// InvalidArgument for a value that is none, Unsupported for what is not done here; both name the
// key. An unknown key is a note with the nearest one that there is; with `strict` it is an error,
// as it was in files. `part`: of a cascade, whose parts may each have an ignored scope,
// {"ignored": {"<part>": {"scope": [...]}}}; the names of nodes may begin with the part's.
Algorithms read_algorithms(std::string_view json, bool strict, std::string_view part = "");

// An input of the model that is the same for every picture.
struct ConstantInput {
  std::string name;
  std::vector<double> values;
};

// Pictures, or arrays in their place, and what is known of them.
struct Pictures {
  std::vector<std::filesystem::path> files;
  FileDatasetOptions options;
  std::vector<int64_t> labels;  // one a file; empty: not known
  std::vector<ConstantInput> constants;
  // Steps of Accuracy Checker, and inputs that are told sizes. Null: there are none.
  std::shared_ptr<const ImagePreparation> preparation;
  bool grey_by_model = false;  // a model of one channel sees grey pictures
  // One file whose rows are the samples: .npy or .npz. Else each file is a sample.
  bool rows = false;
  // Arrays of files: what has four axes is [height, width, channels], as pictures are, and is
  // turned to the layout of the model's input where it has one.
  bool channels_last = false;
};

// The section "engine" of the type "simplified", as JSON: "data_source", and "layout" and
// "central_fraction" where it has them. Throws as read_algorithms does, and what open_files throws.
Pictures read_pictures(std::string_view engine);

// The samples of `pictures` as inputs of `model`: pictures go to the input of four axes where it
// has several, and constants stand beside them in the shapes of theirs (a size that is not known is
// 1). Throws InvalidArgument for a constant or a step that does not fit, DataError naming a file.
Dataset open_pictures(const Pictures& pictures, const Model& model);

// `count` of the samples: the first ones, or by `shuffle` any, drawn by `seed`, in their order.
// Unset: all of them. For data that know their size; others are taken from their start.
Dataset subset_of(const Dataset& data, std::optional<int64_t> count, bool shuffle, uint64_t seed);

// One of them as POT's ImageLoader reads it: u8, [1, 3, height, width] of B, G, R ([1, 1, ...] of
// grey for an input of one channel) or with the channels last, as the layout says; of the input's
// size where that is known (-1: it is not). `input`: the shape of the model's input, with a batch
// axis or without. Throws DataError naming the file, InvalidArgument for an input that pictures do
// not fit.
Tensor read_picture(const Pictures& pictures, int64_t index, const Shape& input);

// Whose data a configuration names: pictures without labels, or datasets of Accuracy Checker.
enum class EngineType { simplified, accuracy_checker };

// Code of the user's own that makes the engine: {"module": "faces.engine_of", "python_path": ".",
// "module_config": {...}}, as Accuracy Checker names its evaluators. A function or a class of a
// module of Python, which is called with the configuration and returns an engine derived from
// eightbit.pot.IEEngine, with its loader and its metric.
struct Module {
  std::string name;
  std::filesystem::path folder;  // where the module is looked for first
  std::string config;            // JSON; {} where there is none. `device` is in it where it is said
  std::string key;               // where in the file it stands, for messages
};

// A part of a cascade. Without a module it is quantized for data of its own.
struct Part {
  std::string name;
  std::filesystem::path model, weights;
  Algorithms algorithms;  // with the part's ignored scope
  Pictures calibration;
};

// A whole file.
struct Configuration {
  std::string model_name;
  std::filesystem::path model, weights;  // empty for a cascade
  std::vector<Part> cascade;             // of several models; empty: there is one
  EngineType engine = EngineType::accuracy_checker;
  std::optional<Module> module;      // runs the model, or the parts; then no data are named
  Pictures calibration, evaluation;  // of one dataset unless the file names two
  std::vector<int64_t> top_k;        // metrics "accuracy" that the file asks for
  // Of a metric that the file asks for and that is not known: what is to be said where metrics are
  // needed. Calibration needs none.
  std::string unmeasured;
  Algorithms algorithms;
};

// Where names that a file leaves open come from: flags of the command line.
struct Overrides {
  std::optional<EngineType> engine;
  // Of the simplified engine, where the file has none: a folder, a list, a glob; for a cascade one
  // a part, "part=FOLDER".
  std::vector<std::string> data_source;
};

// `json`: the whole file, comments taken out. Relative paths are relative to the working directory,
// as in POT; what an Accuracy Checker file names is relative to that file. `accuracy_checker`: the
// content of the file that engine.config names, where it names one.
// Throws as read_algorithms does; FileError for files that are not there.
Configuration read_configuration(std::string_view json, const Overrides& overrides,
                                 std::string_view accuracy_checker = "",
                                 const std::filesystem::path& accuracy_checker_folder = {});

// The path in engine.config; empty where there is none.
std::filesystem::path accuracy_checker_file(std::string_view json);

}  // namespace eightbit::pot
