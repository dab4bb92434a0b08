"""Are the neurons that one network uses found in others? Row 1.12: the best match of each, over all pairs of networks.

Any two units that differ between 1s and 7s correlate. So the controls are images shuffled within their class, other
units, untrained networks, and as many random directions of the other networks' layers: if a unit correlates with one of
these as well as with a unit, it has no counterpart, but the layer holds what it responds to.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import controls
from jaxinterp.analysis import directions, matching, responses
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.stats import SIGNED
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.one_vs_seven import common
from jaxinterp.studies.one_vs_seven.common import ARMS, LARGEST_GROUP, LAYERS, NAME, PLAIN, SMALL
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import mean

TRAINED, CLASS, OTHERS, DIRECTIONS, UNTRAINED = COMPARISONS = (
    "trained",
    "shuffled within class",
    "random units",
    "random directions",
    "untrained",
)
CONTROLS = tuple(name for name in COMPARISONS if name != TRAINED)

Activations = Float[Array, "seeds examples units"]


class Analogues(NamedTuple):
    """Mean correlation of a network's units of largest class difference with their best match in each other network.

    Units and matches are chosen on one half of the test images; correlations are of the other half.
    """

    correlation: Float[np.ndarray, "recipes comparisons layers seeds seeds"]


def analogues(inputs: Mapping[str, Inputs]) -> Analogues:
    """Every recipe's matches, NaN for networks that diverged, and where a recipe has fewer."""
    seeds = max(own.seeds for own in inputs.values())
    found = np.full((len(inputs), len(COMPARISONS), len(LAYERS), seeds, seeds), np.nan)
    for table, own in zip(found, inputs.values(), strict=True):
        kept = np.flatnonzero(~own.diverged)
        pairs = (..., kept[:, None], kept)
        table[pairs] = np.asarray(_of_recipe(own))[pairs]
    return Analogues(found)


def _of_recipe(inputs: Inputs) -> Float[Array, "comparisons layers seeds seeds"]:
    test = inputs.test
    key = jax.random.split(inputs.key(4), len(ARMS))[ARMS.index(inputs.recipe)]
    of_layers = []
    for layer, own_key in zip(LAYERS, jax.random.split(key, len(LAYERS)), strict=True):
        ensembles = inputs.networks, inputs.untrained
        trained, untrained = (_read(networks, test.images, layer=layer) for networks in ensembles)
        of_layers.append(_compare(trained, untrained, jnp.asarray(test.labels), own_key))
    return jnp.stack(of_layers, axis=1)


@partial(jax.jit, static_argnames="layer")
def _read(networks: Network, images: Float[Array | np.ndarray, "examples pixels"], *, layer: str) -> Activations:
    return over_seeds(lambda network: network(images)[1][f"{layer}/post"])(networks)


@jax.jit
def _compare(
    trained: Activations, untrained: Activations, labels: Int[Array, " examples"], key
) -> Float[Array, "comparisons seeds seeds"]:
    """One layer's matches, in the order of COMPARISONS."""
    shuffle_key, unit_key, direction_key = jax.random.split(key, 3)
    shuffled = jnp.moveaxis(controls.shuffled_within_class(shuffle_key, jnp.moveaxis(trained, 1, 0), labels), 0, 1)
    size = common.group_size(trained.shape[-1])
    alive = jnp.max(trained[:, 0::2], axis=1) > jnp.min(trained[:, 0::2], axis=1)
    bases = directions.random_bases(direction_key, trained.shape[-1], draws=len(trained))
    noise = jnp.where(alive, jax.random.uniform(unit_key, alive.shape), -1)

    def largest(activations) -> Int[Array, "seeds picked"]:
        """The units of largest class difference, on the even examples."""
        differences = jax.vmap(responses.class_difference, in_axes=(0, None, None, None))
        found = differences(activations[:, 0::2], labels[0::2], common.ONE, common.SEVEN)
        return jax.lax.top_k(jnp.abs(found), size)[1]

    units, random = largest(trained), jax.lax.top_k(noise, size)[1]
    return jnp.stack(
        [
            matching.best_match(trained, trained, units),
            matching.best_match(trained, shuffled, units),
            matching.best_match(trained, trained, random),
            matching.best_match(trained, jax.vmap(directions.coordinates)(trained, bases), units),
            matching.best_match(untrained, untrained, largest(untrained)),
        ]
    )


def _coords(inputs: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    return {"recipes": list(inputs), "comparisons": COMPARISONS, "layers": LAYERS}


MEASUREMENTS = (EnsembleMeasurement("analogues", analogues, _coords, ARMS),)


def claims(results: Results) -> list[Claim]:
    """Row 1.12, in the wide and in the small networks."""
    return [_claim(results, arm, layer) for arm in (NAME, SMALL) for layer in LAYERS]


def _claim(results: Results, arm: str, layer: str) -> Claim:
    of_layer, small = results["analogues"].correlation.sel(layers=layer), "small " if arm == SMALL else ""
    found, plain = of_layer.sel(recipes=arm), of_layer.sel(recipes=PLAIN, comparisons=TRAINED)
    pairs = ~np.eye(plain.sizes["seeds"], dtype=bool)
    return Claim(
        row="1.12",
        name=f"{small}{layer}",
        text=f"The units of {layer} that differ most between 1s and 7s have counterparts in other {small}networks",
        bounds=SIGNED,
        quantity="mean correlation",
        measured=found.sel(comparisons=TRAINED),
        controls={name: found.sel(comparisons=name) for name in CONTROLS},
        score=Calibrated(),
        rule=above(common.MOST),
        note=f"The {LARGEST_GROUP} units of largest class difference (a quarter where that is less), each with its "
        f"best match; units and matches are chosen on one half of the images. In the wide networks without dropout "
        f"{mean(plain.where(pairs))}.",
        recipes=(arm,),
    )
