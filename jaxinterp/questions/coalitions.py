"""Which units of a layer does each class need? Of the last hidden layer all subsets, beside those of a random basis.

Of more units than have a table, of channels and of earlier layers, the Shapley values alone are estimated, by sampling.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import ensemble, metrics
from jaxinterp.analysis import ablation, directions, responses
from jaxinterp.analysis import coalitions as exact
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import MLP, Layer, Network, layer_named, output_weights
from jaxinterp.questions import subject
from jaxinterp.stats import SHARE, Bounds, Estimate, over_seeds_estimate
from jaxinterp.studies.inputs import Inputs

IMAGES = 1000  # of each half of the test images
DRAWS = 4  # of other images, for resample-ablation
PAIRS = 64  # random orders of many units, each with its reverse
_KEY = 13  # number of this question's random draws, of a run
_CHUNK = 16  # coalitions at once, where they are sampled

Numbers = Float[Array | np.ndarray, "*seeds classes"]


class Roles(NamedTuple):
    """F1 of each class by all subsets of the units; sets are chosen on one half of the images, scored on the other.

    intact: of the whole network. enough: the units of the smallest set that keeps 95 % of it, and kept, the share that
    the set keeps; kept_by_one: the same of the best unit. needed: the units of the smallest set without which less than
    10 % is left, and left, the share; left_without_one: the same of the most damaging unit. No units and NaN where
    there is no such set. disjoint: number of disjoint sets that are enough, NaN for more than 16 units. random_enough,
    random_needed: sizes of the sets of directions of a random basis, chosen alike. predicted: rank correlation, over
    all subsets, of F1 with what it would be if the losses by single units added up. shapley: each unit's part of the
    intact F1, less that without any unit. damage: F1 lost without the unit alone. interaction: Shapley interaction
    index of each pair; NaN on the diagonal. error: standard error of shapley; 0 from a table.

    Where there is no table, only intact, shapley, error and damage are known.
    """

    intact: Numbers
    enough: Bool[Array | np.ndarray, "*seeds classes units"]
    kept: Numbers
    kept_by_one: Numbers
    needed: Bool[Array | np.ndarray, "*seeds classes units"]
    left: Numbers
    left_without_one: Numbers
    disjoint: Numbers
    random_enough: Numbers
    random_needed: Numbers
    predicted: Numbers
    shapley: Float[Array | np.ndarray, "*seeds classes units"]
    damage: Float[Array | np.ndarray, "*seeds classes units"]
    interaction: Float[Array | np.ndarray, "*seeds classes units units"]
    error: Float[Array | np.ndarray, "*seeds classes units"]


class Coalitions(NamedTuple):
    """The roles of a layer's units in every network that did not diverge.

    seeds, classes: along the arrays' axes of these names. notes: what cannot be said. is_sampled: whether there is no
    table, so that Shapley values are estimates.
    """

    layer: str
    kind: str
    images: int
    seeds: tuple[int, ...]
    classes: tuple[str, ...]
    roles: Roles
    notes: tuple[str, ...]
    is_sampled: bool

    @property
    def sizes(self) -> dict[str, Float[np.ndarray, "seeds classes"]]:
        """Numbers of units of the sets that are enough, and that are needed; NaN where there is none."""
        counts = {"enough": self.roles.enough.sum(axis=-1), "needed": self.roles.needed.sum(axis=-1)}
        return {name: np.where(count > 0, count, np.nan) for name, count in counts.items()}

    def strongest(self, seed: int, label: int) -> tuple[int, int] | None:
        """The pair of units with the strongest interaction, by places along seeds and classes; None if unknown."""
        strength = np.nan_to_num(np.abs(np.triu(self.roles.interaction[seed, label], 1)))
        if not strength.any():
            return None
        first, second = np.unravel_index(int(np.argmax(strength)), strength.shape)
        return int(first), int(second)


class Row(NamedTuple):
    """Estimates over networks for one class."""

    name: str
    intact: Estimate
    enough: Estimate
    random_enough: Estimate
    kept: Estimate
    needed: Estimate
    random_needed: Estimate
    left: Estimate
    disjoint: Estimate
    predicted: Estimate


def answer(inputs: Inputs, *, kind: str = "mean", layer: str | None = None) -> Coalitions:
    """The roles of the units of one layer in every network; by default of the last hidden one.

    Up to 1,000 test images choose sets, and as many score them. kind: what takes the place of units that are left out,
    see `analysis.ablation`; "-" stands for a space. Resample-ablation is averaged over four draws. Layers without a
    table (see `analysis.coalitions.table`) have Shapley values by sampling, under resample-ablation with one draw.
    Raises InputError for an unknown kind or layer, for networks with one output or without hidden layers, and where all
    networks diverged.
    """
    kind = kind.replace("-", " ")
    if kind not in ablation.KINDS:
        raise InputError(f"no ablation {kind!r}; there are {', '.join(ablation.KINDS)}")
    seeds, model = subject.known_seeds(inputs.run), inputs.model
    exact.check_classes(model)
    if not model.layers:
        raise InputError("there are no hidden units to leave out: the networks have no hidden layer")
    asked = model.layers[-1] if layer is None else layer_named(model, layer)
    reason = _without_table(asked, model)
    networks = ensemble.take(inputs.networks, seeds)
    choosing, scoring = inputs.choosing, inputs.scoring
    count = min(IMAGES, len(choosing.labels), len(scoring.labels))
    halves = choosing.spaced(count), scoring.spaced(count)
    of_network = partial(_sampled, site=asked.post) if reason else _of_network
    lifted = ensemble.over_seeds(partial(of_network, kind=kind), chunk=1, keyed=True)
    program = jax.jit(ensemble.over_devices(lambda seeded, *halves: lifted(*seeded, *halves)))
    found = program((networks, inputs.network_keys(_KEY)[np.array(seeds)]), *halves)
    roles = jax.tree.map(np.asarray, found)
    notes = subject.notes_on(inputs) + subject.notes_on_channels([asked], ablated=True)
    if reason:
        notes.append(
            f"{reason}: the Shapley values are estimated from {PAIRS} random orders of the units and their reverses, "
            f"with a standard error of at most {np.nanmax(roles.error):.2g}; sets and interactions are not searched"
        )
    elif asked.units > exact.PACKED:
        notes.append(f"disjoint sets are not counted: {asked.units} units are more than {exact.PACKED}")
    return Coalitions(
        asked.name,
        kind,
        sum(len(half.labels) for half in halves),
        tuple(seeds),
        subject.classes_of(inputs),
        roles,
        tuple(notes),
        is_sampled=bool(reason),
    )


def _without_table(layer: Layer, model: MLP) -> str:
    """Why not all subsets of a layer's units are tried; empty where they are."""
    if layer.units > exact.LARGEST:
        return f"2^{layer.units} subsets are too many to try"
    if layer != model.layers[-1]:
        return f"all subsets are tried of the last hidden layer alone, and {layer.name} is an earlier one"
    return "" if layer.feature_map is None else "all subsets are tried of units alone, and not of channels"


def rows(found: Coalitions) -> list[Row]:
    """Means over networks with their intervals, class by class."""
    roles, most = found.roles, Bounds(0, found.roles.shapley.shape[-1])
    columns = (
        (roles.intact, SHARE),
        (found.sizes["enough"], most),
        (roles.random_enough, most),
        (roles.kept, None),
        (found.sizes["needed"], most),
        (roles.random_needed, most),
        (roles.left, None),
        (roles.disjoint, most),
        (roles.predicted, Bounds(-1, 1)),
    )
    return [
        Row(name, *(over_seeds_estimate(values[:, place], bounds=bounds) for values, bounds in columns))
        for place, name in enumerate(found.classes)
    ]


def _of_network(network: Network, key, choosing: Dataset, scoring: Dataset, *, kind: str) -> Roles:
    basis_key, fill_key = jax.random.split(key)
    units = output_weights(network).shape[0]
    bases = (None, directions.random_bases(basis_key, units, draws=1)[0])
    keys = jax.random.split(fill_key, DRAWS) if kind == "resample" else (None,)
    parts = [
        exact.parts(network, half, kind=kind, key=key, basis=basis)
        for half in (choosing, scoring)
        for basis in bases
        for key in keys
    ]
    # One program for all of them, since compiling takes long.
    drawn = jax.lax.map(exact.of_parts, ensemble.stack(parts))
    found = jax.tree.map(lambda leaf: leaf.reshape(-1, len(keys), *leaf.shape[1:]).mean(axis=1), drawn)
    first, first_rotated, second, second_rotated = jax.vmap(exact.f1)(found)
    own, rotated = exact.searched(first, second), exact.searched(first_rotated, second_rotated)
    index = exact.shapley(second)
    disjoint = jnp.full(first.shape[:-1], jnp.nan)
    if units <= exact.PACKED:
        disjoint = exact.disjoint_sets(exact.sufficient(first))
    return Roles(
        intact=exact.intact(second),
        enough=_members(own.enough, units),
        kept=own.kept,
        kept_by_one=own.one_kept,
        needed=_members(own.needed, units),
        left=own.left,
        left_without_one=own.one_left,
        disjoint=disjoint,
        random_enough=rotated.enough.size,
        random_needed=rotated.needed.size,
        predicted=exact.additivity(first),
        shapley=exact.of_units(index),
        damage=exact.single_damage(first),
        interaction=exact.pairs(index),
        error=jnp.zeros_like(first[:, :units]),
    )


def _sampled(network: Network, key, choosing: Dataset, scoring: Dataset, *, site: Site, kind: str) -> Roles:
    """What can be known of units whose subsets are not all tried."""
    classes = network.model.outputs
    order_key, fill_key = jax.random.split(key)
    options = {"site": site, "kind": kind, "measure": _f1, "chunk": _CHUNK}
    found = exact.sampled(order_key, network, scoring, pairs=PAIRS, fill_key=fill_key, **options)
    alone = ablation.units(network, choosing, key=fill_key, **options)
    units = alone.shape[0]
    unknown, nowhere = jnp.full(classes, jnp.nan), jnp.zeros((classes, units), bool)
    known = {
        "shapley": found.value.T,
        "error": found.error.T,
        "interaction": jnp.full((classes, units, units), jnp.nan),
    }
    known |= {"intact": ablation.baseline(network, scoring, measure=_f1), "enough": nowhere, "needed": nowhere}
    known["damage"] = (ablation.baseline(network, choosing, measure=_f1) - alone).T
    return Roles(**dict.fromkeys(Roles._fields, unknown) | known)


def _f1(logits: Float[Array, "examples classes"], labels: Int[Array, " examples"]) -> Float[Array, " classes"]:
    classes = logits.shape[-1]
    confusion = responses.confusion(metrics.predictions("cross_entropy", logits), labels, classes=classes)
    return metrics.f1(confusion, jnp.sum(labels[:, None] == jnp.arange(classes), axis=0))


def _members(found: exact.Smallest, units: int) -> Bool[Array, "*batch units"]:
    """Which units are in a set; none where there is no set."""
    subset: Int[Array, ...] = jnp.where(found.number > 0, found.subset, 0)
    return (subset[..., None] >> np.arange(units)) % 2 == 1
