"""Does what stands behind the logit of 4 look like a 4? Row 5.4: output weights pushed back to the pixels."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import attribution, correlation
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.stats import known_mean
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, below
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import CONDITIONS, FOUR, NAME, TARGET
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results

KERNELS, FOLDED, GATED = METHODS = ("kernels", "batch norm folded", "gates respected")

_EXPLAINED = {
    KERNELS: "the product of the kernels alone",
    FOLDED: "the product of the kernels with batch norms folded in",
    GATED: "the mean gradient over the digit's test images, which passes only through active neurons",
}


class Logits(NamedTuple):
    """Correlation of every logit's map with its own class's templates; of the target's map with every class's."""

    alike: Float[Array, "methods kinds turns classes"]
    target_alike: Float[Array, "methods classes"]


class LogitMaps(NamedTuple):
    """Templates, and every logit's map, mean over networks of maps of equal root mean square."""

    templates: Float[np.ndarray, "classes pixels"]
    logits: Float[np.ndarray, "methods classes pixels"]


def logits(network: Network, data: Dataset, every: Float[Array, "kinds turns classes pixels"], inked) -> Logits:
    """How each logit's map correlates with the templates."""
    alike = jnp.stack([correlation.pairwise(of_method, every, inked) for of_method in logit_maps(network, data)])
    own = jnp.diagonal(alike, axis1=1, axis2=4)
    return Logits(own, jnp.stack([maps.upright(of_method[TARGET]) for of_method in alike]))


def logit_maps(network: Network, data: Dataset) -> Float[Array, "methods classes pixels"]:
    """What every logit reads off the pixels, by each method."""
    gradient = attribution.gradient(network, data.images, data.labels)
    gated = metrics.by_class(gradient.T, data.labels, classes=network.model.outputs).T
    return jnp.stack([attribution.kernel_product(network), attribution.weights(network, site="logits"), gated])


def mean_maps(inputs: Mapping[str, Inputs]) -> LogitMaps:
    """Maps of the logits over all trained networks that did not diverge."""
    own = inputs[NAME]
    found = np.array(jax.jit(over_seeds(logit_maps, chunk=2))(own.networks, own.scoring), np.float64)
    found[own.diverged] = np.nan
    size = np.sqrt(np.mean(found**2, axis=-1, keepdims=True))
    return LogitMaps(np.asarray(maps.upright(own.once(maps.class_templates))), known_mean(found / size, 0))


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {**maps.coords(inputs), "methods": METHODS}


def _shared(inputs: Inputs) -> tuple:
    return inputs.scoring, inputs.once(maps.class_templates), inputs.once(maps.inked)


MEASUREMENTS = (
    Measurement("logits", logits, _shared, _coords, CONDITIONS, chunk=2),
    EnsembleMeasurement("logit_maps", mean_maps, lambda inputs: _coords(inputs[NAME])),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.4, whether the target's map is unlike the target, by each method."""
    return [_unlike(results["logits"].sel(methods=method), method) for method in METHODS]


def _unlike(found: xr.Dataset, method: str) -> Claim:
    trained, own = found.sel(conditions=TRAINED), found.alike.sel(kinds=maps.DIFFERENCE, classes=FOUR)
    turned = own.sel(conditions=TRAINED).drop_sel(turns=maps.UPRIGHT)
    return Claim(
        row="5.4",
        name=f"unlike {method}",
        text=f"Pushed back to the pixels, the output weights of {FOUR} do not look like a {FOUR}, by "
        f"{_EXPLAINED[method]}: correlation with the template",
        measured=own.sel(conditions=TRAINED, turns=maps.UPRIGHT),
        controls={UNTRAINED: own.sel(conditions=UNTRAINED, turns=maps.UPRIGHT), maps.TURNED: turned},
        score=Calibrated(),
        rule=below(maps.ALIKE),
        quantity="correlation with the template",
        published="“does not look like a 4”",
        shown={
            maps.BEST_TURN: turned.max("turns"),
            "the digit's mean image": trained.alike.sel(kinds="mean", turns=maps.UPRIGHT, classes=FOUR),
            "each digit's own template": trained.alike.sel(kinds=maps.DIFFERENCE, turns=maps.UPRIGHT),
            "templates of other digits, the highest": trained.target_alike.drop_sel(classes=FOUR).max("classes"),
        },
        note=f"{maps.OVER_INKED.capitalize()}; template: mean {FOUR} less the mean of all other images.",
    )
