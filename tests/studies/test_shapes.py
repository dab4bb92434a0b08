"""Studies whose questions are about square images of one channel refuse others before anything is measured."""

import dataclasses

import numpy as np
import pytest
from support import toy_inputs

from jaxinterp import studies
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError


@pytest.mark.parametrize("name", ["one-vs-seven", "instance-variation", "looking-for-four"])
@pytest.mark.parametrize(
    ("shape", "text"), [((8, 32, 1), "8 × 32"), ((16, 16, 3), "16 × 16 × 3"), ((1, 7, 1), "1 × 7")]
)
def test_other_images_are_refused_in_a_line(name, shape, text):
    study = studies.get(name)
    data = Dataset(np.zeros((4, np.prod(shape)), np.float32), np.arange(4, dtype=np.int32), shape)
    inputs = {
        recipe: dataclasses.replace(toy_inputs.unread(recipe), splits=Splits(data, data, data))
        for recipe in study.all_recipes
    }
    with pytest.raises(InputError, match=f"{name} needs square images of one channel, and these have {text} pixels"):
        study.check(inputs)
