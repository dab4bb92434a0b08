import jax
import numpy as np
import pytest

from jaxinterp import networks
from jaxinterp.analysis import ablation, last_layer
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP

CLASSES, PIXELS, EXAMPLES, UNITS = 4, 9, 60, 6
RNG = np.random.default_rng(0)
DATA = Dataset(RNG.uniform(size=(EXAMPLES, PIXELS)).astype(np.float32), (np.arange(EXAMPLES) % 3).astype(np.int32))
MASKS = RNG.uniform(size=(10, UNITS)) < 0.5


@pytest.mark.parametrize("options", [{}, {"norm": "layer", "norm_position": "after"}], ids=["plain", "normalised"])
def test_all_kinds_at_once_equal_ablation_one_by_one(options):
    network = networks.init(jax.random.key(1), MLP((7, UNITS), CLASSES, initializer="torch", **options), PIXELS)
    key, site = jax.random.key(2), networks.sites(network.model)[-2]
    found = last_layer.group_accuracies(network, DATA, MASKS, key, chunk=4)
    for kind, accuracy in zip(last_layer.KINDS, np.moveaxis(found, 1, 0), strict=True):
        expected = ablation.groups(network, DATA, MASKS, site=site, kind=kind, key=key).accuracy
        np.testing.assert_allclose(accuracy, expected, atol=1e-6, err_msg=kind)
    assert np.isnan(found[..., 3]).all() and np.std(found[..., :3]) > 0
