"""What makes the logit of 4 large? Row 5.4: its effective weights, heat maps, and the neurons that contribute to it.

Two maps are compared with a template of a 4. One is the write-up's product of kernels, which leaves out batch norms and
activation functions, so that no image is processed in this way. The other is the mean gradient on images of a 4: what
raises the logit there. A heat map is tested by deletion: the inked pixels of real 4s are blanked in the map's order,
and the sooner the logit falls, the better the map.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import attribution, correlation
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import LOGITS, Network, output_weights
from jaxinterp.stats import SIGNED, known_mean
from jaxinterp.studies.inputs import TRAINED, Inputs
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import CONDITIONS, FOUR, NAME, TARGET
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results

KERNELS, FOLDED, GATED = METHODS = ("kernels", "batch norm folded", "gates respected")
ATTRIBUTIONS = ("effective weights × input", "gradient × input", "integrated gradients")
INK, BRIGHTEST = ("ink in random order", "brightest first")
ORDERS = (*ATTRIBUTIONS, INK, BRIGHTEST)
IMAGES = 100  # images of the target whose ink is blanked
SHARES = np.linspace(0, 1, 41)  # of the ink
FEW = 5  # neurons, however many there are

_ASKED = {
    KERNELS: (
        f"The write-up's map of the output weights of {FOUR}, the product of the kernels alone, does not look like a "
        f"{FOUR}",
        "Batch norms and gates are skipped, as in the write-up",
    ),
    GATED: (
        f"What raises the logit of {FOUR} on images of a {FOUR}, its mean gradient, does not look like a {FOUR}",
        "The gradient passes batch norms, and only active neurons",
    ),
}


class Logits(NamedTuple):
    """Correlation of every logit's map with the templates of its own class, and of the target's with all classes'."""

    alike: Float[Array, "methods kinds turns classes"]
    target_alike: Float[Array, "methods classes"]


class LogitMaps(NamedTuple):
    """Templates, and every logit's map: each network's is scaled to a root mean square of 1, then averaged."""

    templates: Float[np.ndarray, "classes pixels"]
    logits: Float[np.ndarray, "methods classes pixels"]


class Evidence(NamedTuple):
    """Share of the target's evidence (see `of_neurons`) that the first n neurons carry, for every n, in two orders.

    by_weight: highest output weight first. by_share: those first that carry most on the choosing half of the images.
    """

    by_weight: Float[Array, " neurons"]
    by_share: Float[Array, " neurons"]


class Deletion(NamedTuple):
    """The target's logit, mean over its images, by the share of their ink that is gone, for every order."""

    logit: Float[Array, "orders gone"]


def logits(network: Network, data: Dataset, every: maps.Templates, inked: maps.Inked) -> Logits:
    """How each logit's map correlates with the templates."""
    alike = jnp.stack([correlation.pairwise(of_method, every, inked) for of_method in logit_maps(network, data)])
    own = jnp.diagonal(alike, axis1=1, axis2=4)
    return Logits(own, jnp.stack([maps.upright(of_method[TARGET]) for of_method in alike]))


def logit_maps(network: Network, data: Dataset) -> Float[Array, "methods classes pixels"]:
    """What every logit reads off the pixels, by each method."""
    gradient = attribution.gradient(network, data.images, data.labels)
    gated = metrics.by_class(gradient.T, data.labels, classes=network.model.outputs).T
    return jnp.stack([attribution.kernel_product(network), attribution.weights(network, site=LOGITS), gated])


def mean_maps(inputs: Mapping[str, Inputs]) -> LogitMaps:
    """Maps of the logits over all trained networks that did not diverge."""
    own = inputs[NAME]
    found = np.array(jax.jit(over_seeds(logit_maps, chunk=2))(own.networks, own.scoring), np.float64)
    found[own.diverged] = np.nan
    size = np.sqrt(np.mean(found**2, axis=-1, keepdims=True))
    return LogitMaps(np.asarray(maps.upright(own.once(maps.class_templates))), known_mean(found / size, 0))


def evidence(network: Network, choosing: Dataset, scoring: Dataset) -> Evidence:
    """How few neurons carry the target's evidence."""
    carried = of_neurons(network, scoring)
    total = jnp.sum(carried)

    def share(by):
        return jnp.cumsum(carried[jnp.argsort(-by)]) / jnp.where(total > 0, total, jnp.nan)

    weight = output_weights(network)[:, TARGET]
    return Evidence(share(weight), share(of_neurons(network, choosing)))


def of_neurons(network: Network, data: Dataset) -> Float[Array, " neurons"]:
    """What each neuron of the last hidden layer adds to the target's logit on its images, less what it adds on all."""
    parts = attribution.contributions(network, data.images, TARGET)
    own = jnp.equal(data.labels, TARGET)
    return jnp.mean(parts, axis=0, where=own[:, None]) - jnp.mean(parts, axis=0)


def deletion(network: Network, key, fours: maps.Images) -> Deletion:
    """Blank the ink of the target's images in every order."""
    fours = jnp.asarray(fours)
    orders = [attribution.METHODS[name](network, fours, TARGET) for name in ATTRIBUTIONS]
    orders += [attribution.random_order(key, fours), fours]

    def curve(order):
        return jnp.mean(attribution.deletion_of_ink(network, fours, order, TARGET, SHARES), axis=0)

    return Deletion(jax.lax.map(curve, jnp.stack(orders)))


def _coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    neurons = range(1, inputs.model.layers[-1].units + 1)
    return {**maps.coords(inputs), "methods": METHODS, "orders": ORDERS, "gone": SHARES.tolist(), "neurons": neurons}


MEASUREMENTS = (
    Measurement("logits", logits, lambda own: (own.scoring, *maps.shared(own)[1:]), _coords, CONDITIONS, chunk=2),
    EnsembleMeasurement("logit_maps", mean_maps, lambda inputs: _coords(inputs[NAME])),
    Measurement("evidence", evidence, lambda own: (own.choosing, own.scoring), _coords, chunk=2),
    Measurement(
        "deletion", deletion, lambda own: (own.key(4), maps.fours(own.scoring)[: own.at_most(IMAGES)]), _coords, chunk=2
    ),
)


def areas(found: xr.Dataset) -> xr.DataArray:
    """The area under each deletion curve, on a scale from 0, the blank image's logit, to 1, the untouched images'.

    Every curve ends at the blank image, so that no order sets the scale of the others; one that blanks the ink that
    speaks against the target last falls below it on the way, and its area may be negative.
    """
    start, blank = found.logit.isel(gone=0), found.logit.isel(gone=-1)
    return ((found.logit - blank) / (start - blank).where(start > blank)).integrate("gone")


def claims(results: Results) -> list[Claim]:
    """Row 5.4: is the target's map unlike it, do few neurons carry the logit, and do heat maps find its pixels?"""
    unlike = [_unlike(results["logits"], method) for method in _ASKED]
    found, area = results["evidence"], areas(results["deletion"])
    neurons = found.sizes["neurons"]
    few = min(FEW, neurons)
    favourites = Claim(
        row="5.4",
        name="favourites",
        text=f"A few favourite neurons carry the logit of {FOUR}: share of its evidence from the {few} of highest "
        "output weight",
        measured=found.by_weight.sel(neurons=few),
        controls={"as many at random": xr.DataArray(few / neurons)},
        rule=above(maps.MOST),
        quantity="share of the evidence",
        shown={f"the {few} that carry most, {maps.SPLIT}": found.by_share.sel(neurons=few)},
        note=f"Evidence: what the {neurons} neurons of the last hidden layer add to the logit on images of a {FOUR} "
        "less what they add on all images, batch norms folded in.",
    )
    tested = [
        Claim(
            row="5.4",
            name=f"deletion {name}",
            text=f"The heat map finds the pixels that support the logit of {FOUR}, by {name}: area under the deletion "
            "curve",
            measured=area.sel(orders=name),
            controls={order: area.sel(orders=order) for order in (INK, BRIGHTEST)},
            score=Difference(),
            rule=below(0.0),
            quantity="area under the deletion curve",
            note=f"The inked pixels of each of {IMAGES} images at most are blanked in the map's order, dark ones "
            "never; over the share of them that is gone. Logits from 1, untouched, to 0, blank.",
        )
        for name in ATTRIBUTIONS
    ]
    return [*unlike, favourites, *tested]


def _unlike(found: xr.Dataset, method: str) -> Claim:
    text, how = _ASKED[method]
    own, upright = found.sel(methods=method), {"conditions": TRAINED, "turns": maps.UPRIGHT, "classes": FOUR}
    trained, of_difference = own.sel(conditions=TRAINED), found.alike.sel(upright | {"kinds": maps.DIFFERENCE})
    return maps.likeness(
        own.alike.sel(kinds=maps.DIFFERENCE, classes=FOUR),
        rule=below(maps.ALIKE),
        row="5.4",
        name=f"unlike {method}",
        text=f"{text}: correlation with the template",
        bounds=SIGNED,
        quantity="correlation with the template",
        published="“does not look like a 4”",
        shown={
            "the digit's mean image": own.alike.sel(upright | {"kinds": "mean"}),
            "each digit's own template": trained.alike.sel(kinds=maps.DIFFERENCE, turns=maps.UPRIGHT),
            "templates of other digits, the highest": trained.target_alike.drop_sel(classes=FOUR).max("classes"),
            **{f"the map by {other}": of_difference.sel(methods=other) for other in METHODS if other != method},
        },
        note=f"{how}; {maps.OVER_INKED}. Template: mean {FOUR} less the mean of all other images.",
    )
