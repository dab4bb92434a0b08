import jax
import numpy as np
import pytest
from support.one_vs_seven import plant, results, verdict

from jaxinterp import networks
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.one_vs_seven.common import LAYERS, NAME, SMALL
from jaxinterp.studies.one_vs_seven.differences import BIN_EDGES, PERMUTED, SMALL_DIFFERENCE, TRUE, class_differences

RNG = np.random.default_rng(0)


def test_differences_are_counted_in_bins_whose_ends_are_open():
    labels = np.repeat([1, 7], 30).astype(np.int32)
    images = RNG.uniform(size=(60, 9)).astype(np.float32) + 3 * (labels[:, None] == 7)
    network = networks.init(jax.random.key(0), MLP((40, 20), 10), 9)
    found = jax.jit(class_differences)(network, Dataset(images, labels), jax.random.key(1))
    for layer, name in enumerate(LAYERS):
        activations = np.asarray(network(images)[1][f"{name}/post"])
        difference = activations[labels == 1].mean(axis=0) - activations[labels == 7].mean(axis=0)
        expected = np.histogram(np.clip(difference, -1.99, 1.99), BIN_EDGES)[0] / len(difference)
        np.testing.assert_allclose(found.share[0, layer], expected, atol=1e-6)
        assert found.small[0, layer] == pytest.approx(np.mean(np.abs(difference) < SMALL_DIFFERENCE))
    assert expected[0] > 0  # some unit differs by more than 2
    assert (found.small[1] > found.small[0]).all()  # permuted labels explain nothing


@pytest.mark.parametrize(
    ("id_", "arm", "level", "expected"),
    [
        ("1.7 hidden0", NAME, 0.6, "holds"),
        ("1.7 hidden0", NAME, 0.8, "does not hold"),
        ("1.11 small hidden1", SMALL, 0.65, "holds"),
        ("1.11 small hidden1", SMALL, 0.45, "does not hold"),
    ],
)
def test_the_share_is_near_the_published_one_or_not(id_, arm, level, expected):
    where = {"recipes": arm, "conditions": TRAINED, "labels": TRUE, "layers": id_.split()[-1]}
    values = plant(results(), "differences", "small", level, **where)
    assert verdict(plant(values, "differences", "small", 0.1, **where | {"labels": PERMUTED}), id_) == expected
