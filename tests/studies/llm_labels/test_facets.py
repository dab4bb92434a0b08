import jax
import numpy as np

from jaxinterp.analysis import facets as analysis
from jaxinterp.networks import MLP, init
from jaxinterp.studies.llm_labels import facets

PIXELS = 9


def test_units_that_are_asked_in_one_go_with_random_directions_are_those_that_are_asked_alone(key):
    network = init(jax.random.key(1), MLP((4,), 3, input_mean=0.5, input_std=0.5, initializer="torch"), PIXELS)
    images = np.random.default_rng(0).uniform(size=(60, PIXELS)).astype(np.float32)
    found = jax.tree.map(np.asarray, jax.jit(facets.of_network)(network, key, images))
    outputs, _, layer, clusters, *_ = jax.random.split(key, 7)

    @jax.jit
    def alone(network):
        options = {"restarts": facets.RESTARTS, "steps": facets.STEPS}
        return (
            analysis.by_maximisers(outputs, network, images, site="logits", **options),
            analysis.by_exemplars(clusters, network, images, site="hidden0/pre", top=facets.BEST).number,
            analysis.of_layer(layer, network, images, site="hidden0/post", k=4, **options),
        )

    made, real, whole = alone(network)
    np.testing.assert_array_equal(found["facets_of_outputs"], made.number)
    np.testing.assert_allclose(found["facet_shares"], made.shares, atol=1e-4)
    np.testing.assert_array_equal(found["clusters_of_neurons"], real)
    assert (found["facets_of_layer"], found["participation"]) == (whole.number, whole.participation)
    # Linear in the pixels: one facet each, of any weights.
    assert (found["facets_of_neurons"] == 1).all()
    for name in ("facets_of_directions", "clusters_of_directions"):
        assert found[name].shape == (facets.DIRECTIONS,) and (found[name] >= 1).all()
    assert found["clusters_of_outputs"].shape == (3,)
