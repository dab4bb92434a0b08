"""What do the neurons of one network look like? The pictures and bars of rows 2.3 to 2.5 and 2.8, for figures alone."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import ensemble
from jaxinterp.analysis import responses
from jaxinterp.analysis.maximization import optima
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, output_weights
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.llm_labels import facets, pictures
from jaxinterp.studies.llm_labels.neurons import INPUT_SITE, NAME, SITE
from jaxinterp.studies.study import EnsembleMeasurement

OUTPUT_PICTURE, INPUT_PICTURE = (f"recipe {target}" for target in pictures.TARGETS)
EXACT, BOX = "exact optimum w/2λ", "optimum in [0, 1]"
VIEWS = (OUTPUT_PICTURE, INPUT_PICTURE, EXACT, BOX)


class Cards(NamedTuple):
    """One network of six neurons. pictures: of its recipe's first start, of normalised pixels but for the last view.

    class_mean, class_sd: of each neuron's activation on each digit. active: share of the test images on which it is.
    facet_shares: gain of an output's facet as a share of the best; NaN where there is none.
    """

    seed: Float[Array, ""]
    pictures: Float[Array, "views units pixels"]
    best_images: Float[Array, "units exemplars pixels"]
    class_mean: Float[Array, "units classes"]
    class_sd: Float[Array, "units classes"]
    active: Float[Array, " units"]
    outgoing: Float[Array, "units classes"]
    facet_images: Float[Array, "classes facets pixels"]
    facet_shares: Float[Array, "classes facets"]


def cards(inputs: Mapping[str, Inputs]) -> Cards:
    """The network whose test accuracy is nearest the median of all."""
    own = inputs[NAME]
    seed = nearest_median(own.test_accuracy)
    facet_key = jax.random.fold_in(own.key(facets.KEY), seed)
    shared = own.test, own.sample.images, own.key(pictures.KEY), facet_key
    return jax.jit(of_network)(ensemble.take(own.networks, seed), *shared)._replace(seed=jnp.asarray(float(seed)))


def nearest_median(values: Float[np.ndarray, " seeds"]) -> int:
    """The network whose value is nearest to the median of all; 0 where there is none."""
    if not np.isfinite(values).any():
        return 0
    return int(np.nanargmin(np.abs(values - np.nanmedian(values))))


def of_network(network: Network, test: Dataset, sample: facets.Sample, picture_key, facet_key) -> Cards:
    """The cards of a network; its seed is left at NaN."""
    activations = network(test.images)[1]
    by_class = responses.by_class(activations[SITE], test.labels, classes=network.model.outputs)
    best = responses.exemplars(activations[INPUT_SITE], k=min(pictures.EXEMPLARS, len(test.images)))
    made, as_written = facets.of_outputs(network, facet_key, sample), pictures.as_written(network)
    recipe = pictures.recipe(as_written, picture_key)[:, :, 0]
    exact = optima.penalty_optimum(*optima.affine(as_written), pictures.PENALTY)[0]
    box = optima.box_optimum(*optima.affine(network))[0]
    return Cards(
        seed=jnp.asarray(jnp.nan),
        pictures=jnp.concatenate([recipe, exact[None], box[None]]),
        best_images=jnp.asarray(test.images)[best.index],
        class_mean=by_class.mean.T,
        class_sd=by_class.sd.T,
        active=responses.liveness(activations[SITE]).firing_rate,
        outgoing=output_weights(network),
        facet_images=made.images,
        facet_shares=made.shares,
    )


MEASUREMENTS = (EnsembleMeasurement("cards", cards, lambda inputs: {"views": VIEWS, "classes": inputs[NAME].classes}),)
