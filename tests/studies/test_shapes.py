"""Studies whose questions are about square images of one channel refuse others before anything is measured."""

import numpy as np
import pytest

from jaxinterp import networks, studies
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset


@pytest.mark.parametrize("name", ["one-vs-seven", "instance-variation", "looking-for-four"])
@pytest.mark.parametrize(
    ("shape", "text"), [((8, 32, 1), "8 × 32"), ((16, 16, 3), "16 × 16 × 3"), ((1, 7, 1), "1 × 7")]
)
def test_other_images_are_refused_in_a_line(name, shape, text):
    data = Dataset(np.zeros((40, np.prod(shape)), np.float32), np.arange(40, dtype=np.int32) // 2 % 10, shape)
    found = studies.get(name).needs.missing(networks.build(ModelConfig((4, 3))), data)[-1]
    assert found.startswith("square images") and found.endswith(f"and one channel, not {text}")
