import jax
import numpy as np
import pytest

from jaxinterp import ensemble
from jaxinterp.studies.llm_labels import facets


@pytest.fixture(scope="module")
def found():
    networks = facets.planted_networks(2)
    count = jax.jit(ensemble.over_seeds(facets.planted_count, chunk=6))
    return np.asarray(count(networks, jax.random.key(0))).reshape(len(facets.PLANTED), 2)


def test_as_many_facets_are_found_as_were_planted(found):
    assert found.tolist() == [[count, count] for count in facets.PLANTED]


def test_a_planted_block_lights_its_unit_and_a_blend_of_two_lights_none():
    networks = facets.planted_networks(1)
    network = ensemble.take(networks, len(facets.PLANTED) - 1)
    kernel = np.asarray(network.variables["params"]["hidden0"]["kernel"])
    blocks = (kernel > 0).T.astype(np.float32)
    alone = np.asarray(network(blocks)[0])[:, 0]
    np.testing.assert_allclose(alone, 0.9, rtol=1e-5)
    assert np.asarray(network((blocks + np.roll(blocks, 1, axis=0)) / 2)[0]).max() == 0
