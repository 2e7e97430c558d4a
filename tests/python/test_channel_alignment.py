"""Channel alignment, from samples to the model: the network stays the same and its channels lose less."""

import eightbit as eb
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops


def uneven_net() -> ov.Model:
    """Two convolutions with channels of very different widths and middles between them."""
    random = np.random.default_rng(5)
    width = np.geomspace(0.02, 20, 8, dtype=np.float32)

    def layer(x, weight, bias):
        node = ops.convolution(x, ops.constant(weight), [1, 1], [0, 0], [0, 0], [1, 1])
        return ops.add(node, ops.constant(bias.reshape(1, -1, 1, 1).astype(np.float32)))

    image = ops.parameter([1, 3, 16, 16], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    first = random.standard_normal((8, 3, 3, 3)).astype(np.float32) * width[:, None, None, None]
    second = random.standard_normal((6, 8, 1, 1)).astype(np.float32) / width[None, :, None, None]
    x = layer(image, first, 5 * width * random.standard_normal(8))
    x = layer(x, second, random.standard_normal(6))
    return ov.Model([ops.result(x, name="out")], [image], "uneven")


@pytest.fixture(scope="module")
def data() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(24)]


def signal_to_noise(model: ov.Model, quantized: ov.Model, data: list[np.ndarray]) -> float:
    core = ov.Core()
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    reference, tested = (core.compile_model(m, "CPU", precise) for m in (model, quantized))
    signal = noise = 0.0
    for x in data:
        a, b = reference(x)[0], tested(x)[0]
        signal += float(np.sum(a**2))
        noise += float(np.sum((a - b) ** 2))
    return 10 * np.log10(signal / noise)


@pytest.mark.parametrize("recipe", [eb.Recipe.EIGHTBIT, eb.Recipe.NNCF])
@pytest.mark.parametrize("corrected", [True, False])
def test_uneven_channels_lose_less(data, recipe, corrected):
    model = uneven_net()

    def quality(disabled: bool) -> float:
        advanced = eb.AdvancedQuantizationParameters(
            disable_channel_alignment=disabled,
            disable_bias_correction=not corrected,
            # which does the same for such channels
            smooth_quant_alphas=eb.AdvancedSmoothQuantParameters(convolution=-1),
        )
        quantized = eb.quantize(
            model,
            eb.Dataset(data),
            subset_size=24,
            advanced_parameters=advanced,
            recipe=recipe,
            trial_run=False,
        )
        return signal_to_noise(model, quantized, data)

    assert quality(disabled=False) > quality(disabled=True) + 10


def test_saved_statistics_lack_the_quantiles(data):
    model = uneven_net()
    statistics = eb.calibrate(model, eb.Dataset(data), subset_size=4)
    advanced = eb.AdvancedQuantizationParameters(disable_channel_alignment=False)
    with pytest.raises(eb.InvalidArgument, match="disable_channel_alignment"):
        eb.quantize(model, statistics, advanced_parameters=advanced)
