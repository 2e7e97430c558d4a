"""The reliability list: what is tried, by which tests, and what counts as passed. A row without tests is a gap, and shown."""

from dataclasses import dataclass, field


@dataclass
class Row:
    number: int
    what: str
    mark: str
    tests: list[str] = field(default_factory=list)  # of pytest, by node id
    units: list[str] = field(default_factory=list)  # "program:filter" of the C++ tests
    mutations: list[tuple[str, int, int]] = field(
        default_factory=list
    )  # program, short and long counts
    # Presets of CMake, and the modules whose tests are built with each: short, and what long adds.
    sanitized: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)


# With the thread sanitizer: where there are threads.
SANITIZED = {
    "debug": (["base", "graph", "quant", "records", "config", "data"],
              ["kernels", "placement", "algorithms", "search", "pipeline"]),
    "threads": (["base", "data"], ["quant", "algorithms", "pipeline"]),
}  # fmt: skip

ROWS = [
    Row(1, "mutants of each format that is read", "0 crashes, hangs above 5 s, 2 GB",
        mutations=[("onnx_mutations", 1000, 10000), ("file_mutations", 1300, 130000)]),
    Row(2, "nasty models: cycles, sizes, nesting, names", "a named error",
        tests=["tests/python/test_unknown_ops.py", "tests/python/test_empty_tensors.py"],
        units=["graph_test:*", "backends_onnx_test:OnnxReader*", "backends_openvino_test:Reader*:ReadFile*"]),
    Row(3, "external data elsewhere, through links, beyond its end", "refused",
        tests=["tests/python/test_onnx.py"], units=["backends_onnx_test:OnnxSave*:ExternalData*"]),
    Row(4, "archives: names, bombs, checksums, pickled arrays", "refused", units=["data_test:Zip*:NpyHeader*:Arrays*:Ark*"]),
    Row(5, "files that carry code: pickles, Lambda layers", "nothing runs",
        tests=["tests/errors/test_cli_errors.py::test_pickles_are_refused", "tests/tensorflow/test_tensorflow_errors.py"]),
    Row(6, "kill -9 while saving", "the old model or the new one, whole",
        units=["backends_openvino_test:Save.*", "backends_onnx_test:OnnxSave.*"],
        tests=["tests/reliability/test_stopped.py::test_killed_at_any_moment_a_run_goes_on_to_the_same_bytes"]),
    Row(7, "full disks, folders that take nothing", "a named error, the old model whole",
        tests=["tests/python/test_onnx.py::test_a_full_disk_leaves_nothing",
               "tests/python/test_onnx.py::test_a_full_disk_leaves_the_old_model", "tests/python/test_best_model.py"],
        units=["backends_openvino_test:Save.AFullDisk*", "backends_onnx_test:OnnxSave.AFullDisk*"]),
    Row(8, "the k-th allocation fails", "a clean error",
        tests=["tests/reliability/test_allocations.py"]),
    Row(9, "peak memory with 30 to 30,000 samples, and under max_memory", "within 64 MB; 10 % of the limit",
        tests=["tests/reliability/test_steady.py::test_peak_memory_does_not_grow_with_the_data",
               "tests/reliability/test_memory.py"]),
    Row(10, "kill -9 in each phase, again and again, then resume", "the same bytes",
        tests=["tests/reliability/test_stopped.py::test_killed_at_any_moment_a_run_goes_on_to_the_same_bytes",
               "tests/reliability/test_resumed.py", "tests/python/test_statistics.py"]),
    Row(11, "threads, batches, shards, repeats", "the same bytes",
        tests=["tests/reliability/test_same_bytes.py",
               "tests/python/test_quantize.py::test_the_result_does_not_depend_on_threads_or_batches",
               "tests/python/test_statistics.py::test_merged_shards_are_the_whole_byte_for_byte",
               "tests/python/test_recipe.py::test_replay_gives_the_same_bytes",
               "tests/python/test_weight_rounding.py::test_threads_and_statistics_do_not_change_a_byte"]),
    Row(12, "NaN, Inf, constants, 1e38", "no zero and no infinite scale",
        tests=["tests/python/test_magnitudes.py"], units=["records_test:Reduce*:Histogram*", "quant_test:*"]),
    Row(13, "empty data, used-up generators, wrong names, shapes, types", "a named error with the sample",
        tests=["tests/python/test_dataset.py", "tests/errors/test_cli_errors.py"]),
    Row(14, "scopes that match nothing, or constants", "an error with the nearest names",
        tests=["tests/python/test_quantize.py::test_a_name_that_matches_nothing_is_an_error", "tests/python/test_nncf_names.py"],
        units=["graph_test:IgnoredScope*"]),
    Row(15, "options without effect", "an error, or a note",
        tests=["tests/python/test_quantize.py::test_options_without_effect_are_refused_or_reported",
               "tests/errors/test_cli_errors.py"], units=["config_test:WithoutEffect*"]),
    Row(16, "2.5 GB of external data; 40,000 nodes", "twice the largest tensor and 500 MB",
        tests=["tests/python/test_onnx_large.py"], units=["placement_test:Scaling*"]),
    Row(17, "eight processes on one checkpoint, one killed", "the same model, or a named error",
        tests=["tests/reliability/test_stopped.py::test_eight_processes_on_one_checkpoint"]),
    Row(18, "Ctrl-C and SIGTERM at random moments", "over within 2 s",
        tests=["tests/reliability/test_stopped.py::test_stopped_at_any_moment_a_run_ends_at_once", "tests/e2e/test_interrupt.py"]),
    Row(19, "accuracy control and searches stopped", "the best model so far, whole",
        tests=["tests/accuracy/test_accuracy_control.py", "tests/python/test_best_model.py"]),
    Row(20, "models after saving, in each runtime", "the same outputs",
        tests=["tests/parity/test_ir_and_onnx.py", "tests/python/test_onnx_layers.py"]),
    Row(21, "accuracy beside NNCF", "never less", tests=["tests/parity/test_nncf.py"]),
    Row(22, "C++ tests under the sanitizers", "clean", sanitized=SANITIZED,
        tests=["tests/reliability/test_sanitizers.py"]),
    Row(23, "formulas against NumPy", "the same scales and zero points", tests=["tests/formulas"]),
    Row(24, "paths: Unicode, spaces, long, read-only", "works, or a named error",
        tests=["tests/e2e/test_cli.py::test_odd_paths", "tests/python/test_sizes_and_places.py"]),
    Row(25, "many quantizations in one process", "no memory, handles or files more",
        tests=["tests/reliability/test_steady.py::test_many_runs_in_one_process_leave_nothing"]),
]  # fmt: skip
