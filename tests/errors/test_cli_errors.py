"""What the command line says when something is wrong: status 2, one line with cause and cure, nothing written."""

import json
import os

import numpy as np
import pytest
from cli_process import CommandLine, image_model, image_samples, token_model, write_ppm


@pytest.fixture
def eightbit(cli, tmp_path) -> CommandLine:
    image_model(tmp_path / "m.xml")
    np.savez(tmp_path / "good.npz", image=image_samples())
    return CommandLine(cli, tmp_path)


def quantize(eightbit, *args, data="good.npz"):
    return ("quantize", "m.xml", "--data", data, "-o", "out.xml", *args)


# The request


def test_unknown_verb_names_the_nearest(eightbit):
    eightbit.fails(
        "quantise", "m.xml", saying=("no verb 'quantise'", "Did you mean quantize?", "calibrate")
    )


def test_no_verb(eightbit):
    eightbit.fails(saying=("eightbit --help",))


def test_unknown_flag_names_the_nearest(eightbit):
    eightbit.fails(
        *quantize(eightbit, "--presett", "mixed"),
        saying=("no flag --presett", "Did you mean --preset?"),
    )
    eightbit.fails(
        "plan", "m.xml", "--ignored-name=x", saying=("no flag --ignored-name", "--ignored-names")
    )


def test_missing_output(eightbit):
    eightbit.fails(
        "quantize", "m.xml", "--data", "good.npz", saying=("--output", "quantize --help")
    )


def test_missing_data(eightbit):
    eightbit.fails(
        "quantize", "m.xml", "-o", "out.xml", saying=("--data is missing", "--statistics")
    )
    eightbit.fails("calibrate", "m.xml", "-o", "out.stats", saying=("--data is missing",))


def test_data_and_statistics(eightbit):
    eightbit.fails(
        *quantize(eightbit, "--statistics", "x.stats"), saying=("--data and --statistics",)
    )


@pytest.mark.parametrize(
    "args, saying",
    [
        (("--preset", "mixd"), ("preset cannot be 'mixd'", "Did you mean mixed?")),
        (("--target-device", "TPU"), ("target_device cannot be 'TPU'", "CPU, CPU_SPR, GPU, NPU")),
        (("--subset-size=-1",), ("subset_size is -1", "from 1 on")),
        (("--subset-size", "many"), ("--subset-size", "many")),
        (("--activations-num-bits", "99"), ("num_bits is 99", "2 to 16")),
        (("--mode", "fp8_e4m3", "--preset", "mixed"), ("fp8_e4m3", "preset 'mixed'")),
        (("--bias-correction-threshold", "2"), ("threshold", "recipe 'nncf'")),
        (("--smooth-quant-alpha-matmul", "3"), ("matmul is 3", "0 to 1")),
        (
            ("--disable-bias-correction", "--no-fast-bias-correction"),
            ("fast_bias_correction has no effect", "disable_bias_correction"),
        ),
        (
            ("--preset", "mixed", "--activations-mode", "symmetric"),
            ("preset has no effect", "'symmetric' decides"),
        ),
        (
            ("--activations-fp8-destination-type", "f8e4m3"),
            ("activations_fp8_params has no effect", "fp8_e5m2"),
        ),
        (
            ("--weights-range-estimator-max-quantile-outlier-prob", "0.1"),
            ("quantile_outlier_prob has no effect", "'quantile'"),
        ),
        (
            ("--overflow-fix", "enable", "--weights-num-bits", "4"),
            ("overflow_fix has no effect", "8 bits"),
        ),
        (("--activations-range-estimator-max-quantile-outlier-prob", "0.7"), ("below 0.5",)),
        (("--activations-range-estimator-max-statistics-type", "mean"), ("no end of a range",)),
        (("--ignored-patterns", "a("), ("'a('", "regular expression")),
        (("--ignored-scope", "{"), ("--ignored-scope", "valid JSON")),
        (("--ignored-scope", "nowhere.json"), ("nowhere.json", "cannot be read")),
        (("--config", "nowhere.json"), ("nowhere.json", "cannot be read")),
        (("--threads", "-1"), ("--threads",)),
        (("-q", "-v"), ("--quiet", "--verbose")),
    ],
)
def test_options_out_of_range(eightbit, args, saying):
    eightbit.fails(*quantize(eightbit, *args), saying=saying)


@pytest.mark.parametrize(
    "args, saying",
    [
        (("--no-inplace-statistics",), "inplace_statistics has no effect"),
        (("--no-batchwise-statistics",), "batchwise_statistics has no effect"),
        (("--target-device", "GPU", "--overflow-fix", "enable"), "overflow_fix has no effect: GPU"),
        (
            ("--no-disable-channel-alignment",),
            "disable_channel_alignment has no effect: this model",
        ),
        (
            ("--quantizer-propagation-rule", "do_not_merge_branches"),
            "quantizer_propagation_rule has no effect",
        ),
        (
            (
                "--model-type",
                "transformer",
                "--smooth-quant-alpha-convolution",
                "-1",
                "--smooth-quant-alpha-matmul",
                "0.5",
                "--ignored-names",
                "classifier",
            ),
            "smooth_quant_alphas.matmul has no effect: this model",
        ),
    ],
)
def test_options_without_effect_on_a_run_that_is_right_are_named(eightbit, args, saying):
    for verb in (("plan", "m.xml"), quantize(eightbit, "--force")):
        done = eightbit(*verb, *args)
        assert done.returncode == 0, done.stderr
        assert sum(saying in line for line in done.stderr.splitlines()) == 1, done.stderr


def test_options_with_an_effect_are_not_named(eightbit):
    done = eightbit(
        *quantize(eightbit, "--preset", "mixed", "--overflow-fix", "enable", "--quantize-outputs")
    )
    assert done.returncode == 0 and "no effect" not in done.stderr


def test_options_that_saved_statistics_decide(eightbit):
    assert (
        eightbit(
            "calibrate", "m.xml", "--data", "good.npz", "--subset-size", "6", "-o", "s.stats"
        ).returncode
        == 0
    )
    (eightbit.folder / "c.json").write_text('{"subset_size": 4}')
    done = eightbit(
        "quantize", "m.xml", "--statistics", "s.stats", "--config", "c.json", "-o", "out.xml"
    )
    assert done.returncode == 0
    assert "subset_size has no effect: the 6 samples" in done.stderr


def test_config_with_an_unknown_key(eightbit):
    (eightbit.folder / "c.json").write_text(
        json.dumps({"advanced_parameters": {"overflow_fx": "disable"}})
    )
    eightbit.fails(
        *quantize(eightbit, "--config", "c.json"),
        saying=("'overflow_fx'", "Did you mean overflow_fix?"),
    )


@pytest.mark.parametrize("shard", ["3/3", "-1/3", "1", "a/b", "1/0", "1/2/3"])
def test_shards_that_do_not_exist(eightbit, shard):
    eightbit.fails(
        "calibrate",
        "m.xml",
        "--data",
        "good.npz",
        "-o",
        "s.stats",
        f"--shard={shard}",
        saying=("INDEX/COUNT",),
    )


# Where the result goes


def test_existing_output_needs_force(eightbit):
    (eightbit.folder / "out.xml").write_text("precious")
    eightbit.fails(*quantize(eightbit), saying=("'out.xml' exists", "--force"))


def test_existing_weights_need_force(eightbit):
    (eightbit.folder / "out.bin").write_text("precious")
    eightbit.fails(*quantize(eightbit), saying=("'out.bin' exists", "--force"))


def test_output_must_not_be_the_input(eightbit):
    eightbit.fails(
        "quantize",
        "m.xml",
        "--data",
        "good.npz",
        "-o",
        "m.xml",
        "--force",
        saying=("is read by this run",),
    )


def test_output_needs_its_folder(eightbit):
    eightbit.fails(
        "quantize",
        "m.xml",
        "--data",
        "good.npz",
        "-o",
        "no/out.xml",
        saying=("folder 'no' does not exist",),
    )


def test_output_needs_its_extension(eightbit):
    eightbit.fails(
        "quantize",
        "m.xml",
        "--data",
        "good.npz",
        "-o",
        "out.onnx",
        saying=("does not end in .xml",),
    )


def test_output_is_checked_before_any_work(eightbit):
    """Neither the model nor the data is looked at."""
    eightbit.fails(
        "quantize",
        "nowhere.xml",
        "--data",
        "nowhere",
        "-o",
        "no/out.xml",
        saying=("folder 'no' does not exist",),
    )


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write")
def test_output_that_can_not_be_written(eightbit):
    eightbit.fails(
        "quantize",
        "m.xml",
        "--data",
        "good.npz",
        "-o",
        "/proc/self/out.xml",
        saying=("cannot be written",),
    )


# The model


def test_missing_model(eightbit):
    eightbit.fails(
        "quantize", "nowhere.xml", "--data", "good.npz", "-o", "out.xml", saying=("nowhere.xml",)
    )


def test_broken_model(eightbit):
    (eightbit.folder / "broken.xml").write_text("<net><layers>")
    eightbit.fails(
        "quantize", "broken.xml", "--data", "good.npz", "-o", "out.xml", saying=("broken.xml",)
    )
    (eightbit.folder / "broken.onnx").write_bytes(b"\x08\x07garbage")
    eightbit.fails("plan", "broken.onnx", saying=("broken.onnx",))


def test_unknown_name_in_the_ignored_scope(eightbit):
    eightbit.fails("plan", "m.xml", "--ignored-names", "conv_O", saying=("conv_O", "conv_0"))
    eightbit.fails(
        *quantize(eightbit, "--ignored-types", "Convolutio"), saying=("Convolutio", "Convolution")
    )


# The data


def test_missing_data_source(eightbit):
    eightbit.fails(*quantize(eightbit, data="nowhere"), saying=("'nowhere' does not exist",))
    eightbit.fails(*quantize(eightbit, data="*.jpg"), saying=("no file matches '*.jpg'",))


def test_empty_folder(eightbit):
    (eightbit.folder / "empty").mkdir()
    eightbit.fails(*quantize(eightbit, data="empty"), saying=("'empty' is empty",))


def test_unreadable_image(eightbit):
    (eightbit.folder / "images").mkdir()
    write_ppm(eightbit.folder / "images" / "a.ppm")
    (eightbit.folder / "images" / "b.jpg").write_bytes(b"no image")
    eightbit.fails(*quantize(eightbit, data="images"), saying=("b.jpg", "cannot be decoded"))


def test_options_without_effect(eightbit):
    eightbit.fails(*quantize(eightbit, "--mean", "127"), saying=("'mean' has no effect on .npz",))
    eightbit.fails(
        *quantize(eightbit, "--input", "image"), saying=("'input' has no effect on .npz",)
    )
    eightbit.fails(
        "benchmark", "m.xml", "--mean", "127", saying=("--mean has no effect without --data",)
    )


def test_numbers_that_are_none(eightbit):
    for mean in ("a", "1,", "1;2", "1 2"):
        eightbit.fails(
            *quantize(eightbit, f"--mean={mean}"), saying=("--mean cannot be", "numbers")
        )
    eightbit.fails(
        *quantize(eightbit, "--dtype", "float"), saying=("--dtype cannot be 'float'", "f32")
    )


def test_wrong_name(eightbit):
    np.savez(eightbit.folder / "d.npz", imge=image_samples())
    eightbit.fails(*quantize(eightbit, data="d.npz"), saying=("imge", "image"))


def test_wrong_shape_and_rank(eightbit):
    np.savez(eightbit.folder / "d.npz", image=np.zeros((4, 3, 16, 8), np.float32))
    eightbit.fails(*quantize(eightbit, data="d.npz"), saying=("image", "[1,3,16,8]", "[1,3,16,16]"))
    np.savez(eightbit.folder / "e.npz", image=np.zeros((4, 3), np.float32))
    eightbit.fails(*quantize(eightbit, data="e.npz"), saying=("image", "[1,3]", "[1,3,16,16]"))


def test_wrong_dtype(eightbit):
    token_model(eightbit.folder / "t.xml")
    np.savez(eightbit.folder / "d.npz", ids=np.zeros((4, 4), np.float32))
    eightbit.fails(
        "quantize", "t.xml", "--data", "d.npz", "-o", "out.xml", saying=("ids", "i64", "f32")
    )


def test_not_a_number(eightbit):
    samples = image_samples()
    samples[3, 1, 2, 2] = np.nan
    np.savez(eightbit.folder / "d.npz", image=samples)
    eightbit.fails(*quantize(eightbit, data="d.npz"), saying=("sample 3", "image", "NaN"))


def test_pickles_are_refused(eightbit):
    np.savez(eightbit.folder / "d.npz", image=np.array([{"a": 1}], dtype=object))
    eightbit.fails(*quantize(eightbit, data="d.npz"), saying=("image", "pickle"))


def test_damaged_statistics(eightbit):
    (eightbit.folder / "s.stats").write_bytes(b"garbage" * 100)
    eightbit.fails(
        "quantize", "m.xml", "--statistics", "s.stats", "-o", "out.xml", saying=("s.stats",)
    )
    eightbit.fails("merge", "s.stats", "-o", "t.stats", saying=("s.stats",))


def test_statistics_with_flags_of_data(eightbit):
    eightbit.fails(
        "quantize",
        "m.xml",
        "--statistics",
        "s.stats",
        "-o",
        "out.xml",
        "--mean",
        "3",
        saying=("--mean has no effect with --statistics",),
    )
    eightbit.fails(
        "quantize",
        "m.xml",
        "--statistics",
        "s.stats",
        "-o",
        "out.xml",
        "--subset-size",
        "3",
        saying=("--subset-size has no effect with --statistics",),
    )
