import jax
import numpy as np
import pytest
from support.one_vs_seven import network, plant, results, verdict

from jaxinterp.data import Dataset
from jaxinterp.studies.one_vs_seven.common import NAME
from jaxinterp.studies.one_vs_seven.noise import PASSES, noisy

DATA = Dataset(np.ones((40, 4), np.float32), np.tile([1, 7], 20).astype(np.int32))


def test_noise_is_all_that_differs_between_equal_images():
    """One unit of activation 1 in each layer: it is dropped with chance .2 in either, and 1/.64 otherwise."""
    output = np.zeros((1, 10))
    output[0, 1] = 1
    reader = network((np.ones((4, 1)) / 4, np.zeros(1)), (np.ones((1, 1)), np.zeros(1)), (output, np.zeros(10)))
    found = jax.jit(noisy)(reader, DATA, jax.random.key(0))
    sd = np.sqrt(0.64 * (1 / 0.64) ** 2 - 1)
    np.testing.assert_allclose(found.sd, [sd, 0], atol=0.1)
    assert found.share == pytest.approx(PASSES / (PASSES + 1), abs=0.02)  # the means over passes differ by chance
    trained_with_more = reader.replace(model=reader.model.clone(dropout=(0.5, 0.5)))
    for one, other in zip(found, jax.jit(noisy)(trained_with_more, DATA, jax.random.key(0)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("name", "field"), [("answers", "differing"), ("logits", "share")])
def test_noise_is_noticed_or_not(name, field):
    for level, expected in ((0.2, "holds"), (0.01, "does not hold")):
        assert verdict(plant(results(), "noise", field, level, recipes=NAME), f"1.6 {name}") == expected
