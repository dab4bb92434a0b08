"""Which pixels and which neurons support the logit of 4? Row 5.4: heat maps tested by deletion, and shares of evidence.

A heat map is tested by blanking the ink of real 4s in its order: the sooner the logit falls, the better the map.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import attribution
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Difference, above, below
from jaxinterp.studies.looking_for_four.maps import FOUR, MOST, SPLIT, TARGET
from jaxinterp.studies.study import Measurement, Results

ATTRIBUTIONS = ("effective weights × input", "gradient × input", "integrated gradients")
INK, BRIGHTEST = ("ink in random order", "brightest first")
ORDERS = (*ATTRIBUTIONS, INK, BRIGHTEST)
IMAGES = 100  # images of the target whose ink is blanked
SHARES = np.linspace(0, 1, 41)  # of the ink
FEW = 5  # neurons, however many there are

_KEY = 4


class Evidence(NamedTuple):
    """Share of the target's evidence that its first neurons carry, for every number of them, in two orders.

    by_weight: those of highest output weight first; by_share: those that carry most on other images.
    """

    by_weight: Float[Array, " neurons"]
    by_share: Float[Array, " neurons"]


class Deletion(NamedTuple):
    """The target's logit, mean over its images, by the share of their ink that is gone, for every order."""

    logit: Float[Array, "orders gone"]


def evidence(network: Network, choosing: Dataset, scoring: Dataset) -> Evidence:
    """How few neurons carry the target's evidence."""
    carried = of_neurons(network, scoring)
    total = jnp.sum(carried)

    def share(by):
        return jnp.cumsum(carried[jnp.argsort(-by)]) / jnp.where(total > 0, total, jnp.nan)

    weight = network.variables["params"]["output"]["kernel"][:, TARGET]
    return Evidence(share(weight), share(of_neurons(network, choosing)))


def of_neurons(network: Network, data: Dataset) -> Float[Array, " neurons"]:
    """What each neuron of the last hidden layer adds to the target's logit on its images, less what it adds on all."""
    parts = attribution.contributions(network, data.images, TARGET)
    own = jnp.equal(data.labels, TARGET)
    return jnp.mean(parts, axis=0, where=own[:, None]) - jnp.mean(parts, axis=0)


def deletion(network: Network, key, fours: Float[Array | np.ndarray, "examples pixels"]) -> Deletion:
    """Blank the ink of the target's images in every order."""
    fours = jnp.asarray(fours)
    orders = [attribution.METHODS[name](network, fours, TARGET) for name in ATTRIBUTIONS]
    orders += [attribution.random_order(key, fours), fours]

    def curve(order):
        return jnp.mean(attribution.deletion_of_ink(network, fours, order, TARGET, SHARES), axis=0)

    return Deletion(jax.lax.map(curve, jnp.stack(orders)))


def _fours(inputs: Inputs) -> tuple:
    return inputs.key(_KEY), inputs.scoring.images[inputs.scoring.labels == TARGET][:IMAGES]


def _coords(inputs: Inputs) -> dict[str, Sequence]:
    neurons = range(1, inputs.model.widths[-1] + 1)
    return {"orders": ORDERS, "gone": SHARES.tolist(), "neurons": list(neurons)}


MEASUREMENTS = (
    Measurement("evidence", evidence, lambda inputs: (inputs.choosing, inputs.scoring), _coords, chunk=2),
    Measurement("deletion", deletion, _fours, _coords, chunk=2),
)


def areas(found: xr.Dataset) -> xr.DataArray:
    """The area under each deletion curve, on a scale from 0, the blank image's logit, to 1, the untouched images'.

    Every curve ends at the blank image, so that no order sets the scale of the others; one that blanks the ink that
    speaks against the target last falls below it on the way, and its area may be negative.
    """
    start, blank = found.logit.isel(gone=0), found.logit.isel(gone=-1)
    return ((found.logit - blank) / (start - blank).where(start > blank)).integrate("gone")


def claims(results: Results) -> list[Claim]:
    """Row 5.4, whether few neurons carry the logit, and whether heat maps find the pixels that do."""
    return [_favourites(results["evidence"]), *(_tested(areas(results["deletion"]), name) for name in ATTRIBUTIONS)]


def _favourites(found: xr.Dataset) -> Claim:
    neurons = found.sizes["neurons"]
    few = min(FEW, neurons)
    return Claim(
        row="5.4",
        name="favourites",
        text=f"A few favourite neurons carry the logit of {FOUR}: share of its evidence from the {few} of highest "
        "output weight",
        measured=found.by_weight.sel(neurons=few),
        controls={"as many at random": xr.DataArray(few / neurons)},
        rule=above(MOST),
        quantity="share of the evidence",
        shown={f"the {few} that carry most, {SPLIT}": found.by_share.sel(neurons=few)},
        note=f"Evidence: what the {neurons} neurons of the last hidden layer add to the logit on images of a {FOUR} "
        "less what they add on all images, batch norms folded in.",
    )


def _tested(found: xr.DataArray, name: str) -> Claim:
    return Claim(
        row="5.4",
        name=f"deletion {name}",
        text=f"The heat map finds the pixels that support the logit of {FOUR}, by {name}: area under the deletion "
        "curve",
        measured=found.sel(orders=name),
        controls={order: found.sel(orders=order) for order in (INK, BRIGHTEST)},
        score=Difference(),
        rule=below(0.0),
        quantity="area under the deletion curve",
        note=f"The inked pixels of each of {IMAGES} images at most are blanked in the map's order, dark ones never; "
        "over the share of them that is gone. Logits from 1, untouched, to 0, blank.",
    )
