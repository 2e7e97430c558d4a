"""Sounds as calibration data: what comes out of files of several kinds, rates and channels, and what is refused."""

import wave

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

RATE = 16000


def tone(hertz, seconds=0.5, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def write(path, *channels, rate=RATE):
    """16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.stack(channels, 1) * 32767).astype("<i2").tobytes())


def samples(source, **options):
    return [sample.inputs[0][1] for sample in eb.open_files(source, **options).open()]


def test_a_folder(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.wav", tone(200 * (i + 1)))
    read = samples(tmp_path)
    assert [sound.shape for sound in read] == [(1, RATE // 2)] * 3
    np.testing.assert_allclose(read[1][0], tone(400), atol=1e-4)


def test_channels(tmp_path):
    left, right = tone(300), tone(500)
    write(tmp_path / "s.wav", left, right)
    np.testing.assert_allclose(samples(tmp_path / "s.wav")[0][0], (left + right) / 2, atol=1e-4)
    np.testing.assert_allclose(samples(tmp_path / "s.wav", channel=1)[0][0], right, atol=1e-4)
    with pytest.raises(eb.DataError, match="2 channels, channel 2"):
        samples(tmp_path / "s.wav", channel=2)


def test_another_rate_is_the_same_sound(tmp_path):
    write(tmp_path / "s.wav", tone(440, rate=44100), rate=44100)
    (sound,) = samples(tmp_path / "s.wav", sample_rate=RATE)
    assert abs(sound.shape[1] - RATE // 2) <= 1
    middle = slice(500, 7000)  # the filter runs in and out
    np.testing.assert_allclose(sound[0][middle], tone(440)[middle], atol=2e-3)


def recognizer(length):
    """Input sound [1, length], a convolution along it."""
    sound = ops.parameter([1, length], np.float32, name="sound")
    sound.output(0).set_names({"sound"})
    rng = np.random.default_rng(1)
    rows = ops.unsqueeze(sound, ops.constant(np.array([1])))
    weights = ops.constant(rng.normal(0, 0.2, (8, 1, 16)).astype(np.float32))
    features = ops.relu(ops.convolution(rows, weights, [8], [0], [0], [1]))
    means = ops.reduce_mean(features, ops.constant(np.array([2])), False)
    return ov.Model([means], [sound], "recognizer")


def test_a_model_says_how_long_sounds_are(tmp_path):
    write(tmp_path / "short.wav", tone(440, 0.1))
    write(tmp_path / "long.wav", tone(440, 1))
    model = recognizer(8000)
    data = eb.open_files(tmp_path, model=model)
    assert [sample.inputs[0][1].shape for sample in data.open()] == [(1, 8000)] * 2
    quantized = eb.quantize(model, data)
    assert any(op.get_type_name() == "FakeQuantize" for op in quantized.get_ops())


def test_the_command_line(tmp_path, cli):
    from cli_process import CommandLine

    (tmp_path / "sounds").mkdir()
    for i in range(4):
        write(tmp_path / "sounds" / f"{i}.wav", tone(200 * (i + 1), rate=8000), rate=8000)
    ov.save_model(recognizer(-1), tmp_path / "m.xml")
    eightbit = CommandLine(cli, tmp_path)
    flags = ("--data", "sounds", "--sample-rate", RATE, "--length", 4000, "-o", "q.xml")
    done = eightbit("quantize", "m.xml", *flags)
    assert done.returncode == 0, done.stderr
    wrong = ("--data", "sounds", "--mean", 1, "-o", "r.xml")
    eightbit.fails("quantize", "m.xml", *wrong, saying=("mean", "sounds"))
    eightbit.fails(
        "quantize",
        "m.xml",
        "--data",
        "sounds",
        "--channel",
        "a",
        "-o",
        "r.xml",
        saying=("--channel",),
    )


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x24\x00\x00\x00WAVEfmt ", bytes(100)])
def test_damaged_files_are_named(tmp_path, content):
    (tmp_path / "broken.wav").write_bytes(content)
    with pytest.raises(eb.DataError, match="broken.wav"):
        samples(tmp_path)


def test_a_file_that_ends_early(tmp_path):
    write(tmp_path / "s.wav", tone(440))
    whole = (tmp_path / "s.wav").read_bytes()
    (tmp_path / "s.wav").write_bytes(whole[: len(whole) // 2])
    (sound,) = samples(tmp_path / "s.wav")
    assert 0 < sound.shape[1] < RATE // 2


def test_options_for_other_kinds(tmp_path):
    write(tmp_path / "s.wav", tone(440))
    with pytest.raises(eb.InvalidArgument, match="'color' has no effect on sounds"):
        eb.open_files(tmp_path, color="BGR")
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(eb.InvalidArgument, match="'length' has no effect"):
        eb.open_files(tmp_path / "a.npy", length=3)
