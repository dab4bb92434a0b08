"""What does each class need of the last hidden layer? All coalitions of its units, for the page's first networks.

Units that are left out are set to 0, as in the page's "Try it". Sets are chosen on one half of the images and judged on
the other; Shapley values, damage and interactions are of both together.
"""

from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from jaxinterp import ensemble
from jaxinterp.analysis import coalitions
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import Network, output_weights
from jaxinterp.store import Run

IMAGES = 1000  # test images, of which each half has 500
COALITIONS = 2**18  # of all networks together: of 16 units, those of four networks
LISTED = 5  # pairs of each class


class Roles(NamedTuple):
    """What the page holds: meta says of how many networks, and what is left out; without a table there are no arrays.

    By network: shapley and alone (F1 lost without this unit alone), "classes units"; enough and needed, 1 for the units
    of the smallest sets, all 0 without such a set, likewise; intact (F1 of the whole network), kept and left (what is
    left of it with the sufficient set alone, and without the necessary set), disjoint (number of disjoint sufficient
    sets), "classes"; pair, two units each, and interaction, "classes pairs", of the pairs that interact most.
    """

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


def roles_of(run: Run, test: Dataset, held: list[int]) -> Roles:
    """The roles of the last hidden layer's units in as many of the held networks as COALITIONS allows."""
    data = test.spaced(min(IMAGES, len(test.labels) // 2 * 2))
    networks, reason = ensemble.take(run.networks, held), _left_out(ensemble.take(run.networks, 0))
    meta = {"networks": 0, "images": len(data.labels), "left_out": reason}
    if reason:
        return Roles(meta, {})
    units = run.networks.model.layers[-1].units
    count = min(len(held), max(1, COALITIONS >> units))
    halves = ensemble.stack([data.take(slice(start, None, 2)) for start in (0, 1)])
    values, found, sufficient = _program(ensemble.take(networks, slice(count)), halves)
    values = np.asarray(values, np.float64)
    place = np.array(list(combinations(range(units), 2)), np.int32).reshape(-1, 2)
    pairs = coalitions.shapley_of_sets(values, place)
    strongest = np.argsort(-np.nan_to_num(np.abs(pairs)), axis=-1, kind="stable")[..., :LISTED]
    arrays = {
        "shapley": coalitions.shapley_of_sets(values, np.arange(units)[:, None]),
        "alone": coalitions.single_damage(values),
        "intact": values[..., -1],
        "enough": _members(found.enough, units),
        "needed": _members(found.needed, units),
        "kept": found.kept,
        "left": found.left,
        "disjoint": _disjoint(sufficient),
        "pair": place[strongest],
        "interaction": np.take_along_axis(pairs, strongest, axis=-1),
    }
    return Roles(meta | {"networks": count}, {name: np.asarray(array) for name, array in arrays.items()})


def _left_out(network: Network) -> str:
    """Why a page has no roles of units, "" where it has them."""
    try:
        units = output_weights(network).shape[0]
    except InputError as error:
        return f"They are not computed: {str(error).partition(':')[0]}."
    if network.model.outputs < 2:
        return "They are not computed: with one output no class has logits of its own."
    if units > coalitions.PACKED:
        return f"They are not computed: the layer has {units} units, too many for all their coalitions."
    return ""


@jax.jit
def _program(networks: Network, halves: Dataset) -> tuple:
    """F1 of every coalition on all images, the sets that are searched, and which coalitions are sufficient on one half:
    "networks classes subsets".
    """

    def of_network(network: Network, halves: Dataset):
        # One after the other, for one program of both.
        tables = jax.lax.map(lambda half: coalitions.of_parts(coalitions.parts(network, half, kind="zero")), halves)
        choosing, scoring = jax.vmap(coalitions.f1)(tables)
        both = coalitions.f1(jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), tables))
        return both, coalitions.searched(choosing, scoring), coalitions.sufficient(choosing)

    return ensemble.over_seeds(of_network, chunk=1)(networks, halves)


_disjoint = jax.jit(coalitions.disjoint_sets)


def _members(found: coalitions.Smallest, units: int) -> UInt8[np.ndarray, "*batch units"]:
    subset = np.where(np.asarray(found.number) > 0, found.subset, 0)
    return ((subset[..., None] >> np.arange(units)) % 2).astype(np.uint8)
