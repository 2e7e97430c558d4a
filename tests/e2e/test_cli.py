"""The command line from end to end, on a small model."""

import json
import signal
import time

import numpy as np
import openvino as ov
import pytest
from cli_process import image_model, image_samples, ok, write_ppm


def fake_quantizes(path) -> int:
    return sum(op.get_type_name() == "FakeQuantize" for op in ov.Core().read_model(path).get_ops())


def outputs(path, samples):
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(sample[None])[0] for sample in samples])


def test_version_and_help(eightbit):
    assert ok(eightbit("--version")).stdout.startswith("eightbit 0.")
    text = ok(eightbit("quantize", "--help")).stdout
    for flag in (
        "--data",
        "--preset",
        "--target-device",
        "--ignored-names",
        "--config",
        "--json",
        "--force",
    ):
        assert flag in text


def test_quantize_prints_a_table_and_keeps_the_outputs(eightbit):
    done = ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml"))
    for word in ("quantizers", "samples", "12", "total", "size", "Saved to q.xml"):
        assert word in done.stdout
    assert "\r" not in done.stderr  # no progress bar in a pipe
    assert fake_quantizes(eightbit.folder / "q.xml") > 0
    samples = image_samples()
    reference, quantized = (
        outputs(eightbit.folder / "m.xml", samples),
        outputs(eightbit.folder / "q.xml", samples),
    )
    error = np.sum((reference - quantized) ** 2)
    assert 0 < error < 0.01 * np.sum(reference**2)


def test_quantize_as_json(eightbit):
    result = json.loads(
        ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml", "--json")).stdout
    )
    assert result["output"] == "q.xml"
    files = [eightbit.folder / name for name in ("q.xml", "q.bin")]
    assert (
        result["bytes_after"] == sum(file.stat().st_size for file in files)
        and result["bytes_before"] > 0
    )
    assert result["report"]["samples"] == 12


def test_quiet_prints_nothing(eightbit):
    done = ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml", "-q"))
    assert (done.stdout, done.stderr) == ("", "")


def test_force_overwrites(eightbit):
    (eightbit.folder / "q.xml").write_text("old")
    ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml", "--force"))
    assert fake_quantizes(eightbit.folder / "q.xml") > 0


def test_statistics_give_the_same_model_as_data(eightbit):
    ok(eightbit("calibrate", "m.xml", "--data", "d.npz", "-o", "s.stats"))
    assert not (eightbit.folder / "s.stats.checkpoint").exists()
    ok(
        eightbit(
            "quantize",
            "m.xml",
            "--statistics",
            "s.stats",
            "-o",
            "a.xml",
            "--disable-bias-correction",
        )
    )
    ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "b.xml", "--disable-bias-correction"))
    assert (eightbit.folder / "a.bin").read_bytes() == (eightbit.folder / "b.bin").read_bytes()


def test_merged_shards_equal_one_run(eightbit):
    for shard in range(3):
        ok(
            eightbit(
                "calibrate",
                "m.xml",
                "--data",
                "d.npz",
                "-o",
                f"s{shard}.stats",
                "--shard",
                f"{shard}/3",
            )
        )
    ok(eightbit("merge", "s2.stats", "s0.stats", "s1.stats", "-o", "merged.stats"))
    ok(eightbit("calibrate", "m.xml", "--data", "d.npz", "-o", "whole.stats"))
    for name in ("merged", "whole"):
        ok(eightbit("quantize", "m.xml", "--statistics", f"{name}.stats", "-o", f"{name}.xml"))
    assert (eightbit.folder / "merged.bin").read_bytes() == (
        eightbit.folder / "whole.bin"
    ).read_bytes()


def test_plan_honours_flags_over_the_configuration(eightbit):
    (eightbit.folder / "c.json").write_text(json.dumps({"ignored_scope": {"names": ["conv_0"]}}))
    every = json.loads(ok(eightbit("plan", "m.xml", "--json")).stdout)
    assert every
    text = ok(eightbit("plan", "m.xml", "--config", "c.json")).stdout
    assert "conv_0" in text and "ignored" in text
    other = ok(eightbit("plan", "m.xml", "--config", "c.json", "--ignored-names", "conv_1")).stdout
    assert text != other
    counts = [
        ok(eightbit("plan", "m.xml", *args)).stdout.splitlines()[-1]
        for args in ((), ("--ignored-types", "Convolution"))
    ]
    assert counts[0] != counts[1]


@pytest.mark.parametrize("source", ["images", "images/*.ppm", "list.txt", "images/0.ppm"])
def test_images_in_every_form(eightbit, source):
    (eightbit.folder / "images").mkdir()
    for index in range(4):
        write_ppm(eightbit.folder / "images" / f"{index}.ppm", index)
    (eightbit.folder / "list.txt").write_text("images/0.ppm\r\nimages/1.ppm\r\n")
    ok(
        eightbit(
            "quantize", "m.xml", "--data", source, "--mean", "127", "--scale", "128", "-o", "q.xml"
        )
    )


def test_arrays_and_raw_binary(eightbit):
    samples = image_samples(4)
    (eightbit.folder / "many").mkdir()
    for index, sample in enumerate(samples):
        np.save(eightbit.folder / "many" / f"{index}.npy", sample[None])
    np.save(eightbit.folder / "d.npy", samples)
    np.savez_compressed(
        eightbit.folder / "packed.npz", image=samples, labels=np.array(["a", "b", "c", "d"])
    )
    samples.tofile(eightbit.folder / "d.raw")
    models = []
    for name, source in (
        ("a", ["many"]),
        ("b", ["d.npy"]),
        ("c", ["d.raw", "--shape", "1,3,16,16"]),
        ("d", ["packed.npz"]),
    ):
        ok(eightbit("quantize", "m.xml", "--data", *source, "-o", f"{name}.xml"))
        models.append((eightbit.folder / f"{name}.bin").read_bytes())
    assert len(set(models)) == 1


def test_odd_paths(eightbit):
    folder = eightbit.folder / "ünï cödé 模型"
    folder.mkdir()
    image_model(folder / "m odel.xml")
    np.save(folder / "d äta.npy", image_samples(3))
    ok(
        eightbit(
            "quantize",
            folder / "m odel.xml",
            "--data",
            folder / "d äta.npy",
            "-o",
            folder / "q ü.xml",
        )
    )
    assert (folder / "q ü.bin").exists()


def test_a_benchmark_takes_no_threads(eightbit):
    eightbit.fails("benchmark", "m.xml", "--threads", "2", saying=("--threads has no effect",))


def test_compare_inspect_benchmark(eightbit):
    ok(eightbit("quantize", "m.xml", "--data", "d.npz", "-o", "q.xml"))
    result = json.loads(
        ok(eightbit("compare", "m.xml", "q.xml", "--data", "d.npz", "--json")).stdout
    )
    assert result["samples"] == 12 and result["outputs"][0]["sqnr_db"] > 15
    assert "SQNR" in ok(eightbit("compare", "m.xml", "q.xml", "--data", "d.npz")).stdout
    text = ok(eightbit("inspect", "q.xml", "--data", "d.npz")).stdout
    assert "Convolution" in text and "activation quantizers" in text
    assert json.loads(ok(eightbit("inspect", "q.xml", "--json")).stdout)["quantizers"] > 0
    rows = json.loads(
        ok(
            eightbit("benchmark", "m.xml", "q.xml", "--seconds", "0.2", "--rounds", "1", "--json")
        ).stdout
    )
    assert [row["model"] for row in rows] == ["m.xml", "q.xml"] and all(
        row["throughput"] > 0 for row in rows
    )


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_calibration_goes_on(eightbit, kind):
    """Stopped in the middle: status 130 within two seconds, and the same command ends with the same statistics."""
    np.save(eightbit.folder / "many.npy", np.repeat(image_samples(100), 800, axis=0))
    command = (
        "calibrate",
        "m.xml",
        "--data",
        "many.npy",
        "-o",
        "s.stats",
        "--subset-size",
        "80000",
    )
    process = eightbit.start(*command)
    time.sleep(1.5)  # of four seconds and more
    began = time.monotonic()
    process.send_signal(kind)
    stderr = process.communicate(timeout=10)[1]
    assert time.monotonic() - began < 2.5
    assert process.returncode == 130, stderr
    assert not (eightbit.folder / "s.stats").exists()
    assert (
        "goes on from 's.stats.checkpoint'" in stderr
        and (eightbit.folder / "s.stats.checkpoint").exists()
    )
    resumed = ok(eightbit(*command)).stderr
    assert "resumed" in resumed
    ok(
        eightbit(
            "calibrate", "m.xml", "--data", "many.npy", "-o", "t.stats", "--subset-size", "80000"
        )
    )
    for name in ("s", "t"):
        ok(eightbit("quantize", "m.xml", "--statistics", f"{name}.stats", "-o", f"{name}.xml"))
    assert (eightbit.folder / "s.bin").read_bytes() == (eightbit.folder / "t.bin").read_bytes()
