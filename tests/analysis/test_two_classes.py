import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.analysis import two_classes
from jaxinterp.analysis.two_classes import ACTIVITY, METHODS
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network

PIXELS, CARRIER, LOUD = 6, 2, 4


@pytest.fixture(scope="module")
def found():
    """Unit u reads pixel u: one alone differs between the classes and is read by class 1, another is always active."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 60).astype(np.int32)
    corrupt = rng.uniform(0, 0.2, (120, PIXELS)).astype(np.float32)
    corrupt[:, LOUD] += 3
    clean = corrupt + (np.arange(PIXELS) == CARRIER)
    images = np.where(labels[:, None] == 1, clean, corrupt).astype(np.float32)
    output = np.zeros((PIXELS, 2))
    output[CARRIER, 1] = 2
    params = {
        "hidden0": {"kernel": jnp.eye(PIXELS), "bias": jnp.zeros(PIXELS)},
        "output": {"kernel": jnp.float32(output), "bias": jnp.array([1.0, 0.0])},
    }
    network = Network(MLP((PIXELS,), 2), {"params": params})
    run = jax.jit(lambda *arguments: two_classes.scores(*arguments, site="hidden0/post"))
    return dict(zip(METHODS, run(network, Dataset(images, labels), clean.astype(np.float32), corrupt), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_but_activity_puts_the_planted_unit_first(found, method):
    assert np.argmax(found[method]) == (LOUD if method == ACTIVITY else CARRIER)


def test_the_planted_unit_restores_all_that_the_edit_makes(found):
    np.testing.assert_allclose(found[two_classes.PATCHING], np.arange(PIXELS) == CARRIER, atol=1e-5)
