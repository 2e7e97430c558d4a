import numpy as np
import pytest
from cli_process import CommandLine, image_model, image_samples


@pytest.fixture
def eightbit(cli, tmp_path) -> CommandLine:
    """The command line in a folder with a model, m.xml, and samples, d.npz."""
    image_model(tmp_path / "m.xml")
    np.savez(tmp_path / "d.npz", image=image_samples())
    return CommandLine(cli, tmp_path)
