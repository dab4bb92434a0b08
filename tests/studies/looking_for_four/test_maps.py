import jax
import numpy as np

from jaxinterp.studies.looking_for_four import maps


def test_what_neurons_see_agrees_with_numpy(known):
    found = jax.jit(lambda network, images: (maps.weights(network), maps.used(network, images)))(
        known.network, known.choosing.images
    )
    for layer, views in enumerate(known.views(known.choosing)):
        for of_view, expected in zip(found, views, strict=True):
            np.testing.assert_allclose(of_view[layer], expected, atol=1e-5)


def test_difference_templates_as_they_are_are_the_upright_ones(known):
    np.testing.assert_array_equal(maps.upright(known.templates), known.templates[1, 0])
