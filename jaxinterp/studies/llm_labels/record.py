"""What is known of the neurons of study `llm-labels`? Its record, and what the rows share."""

import typing
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxinterp.data import Splits
from jaxinterp.ensemble import over_seeds, size
from jaxinterp.networks import Network
from jaxinterp.stats import known_mean
from jaxinterp.studies import claims
from jaxinterp.studies.subjects import Subject, blanked
from jaxinterp.train import SPLITS, kept_accuracy

STUDY = "llm-labels"
TWELVE, XOR = "llm-labels-12", "llm-labels-xor"
SIX, WIDE = ARMS = (STUDY, TWELVE)
UNTRAINED, TRAINED = CONDITIONS = ("untrained", "trained")
SITE = "hidden0/post"

MOST = 0.5  # what is said of the network must be true of more networks, neurons or starts than not
EVERY = 0.9  # what is said of every one may fail for one in ten
ALIKE = 0.5  # half of what the control leaves open

Seeds = Float[np.ndarray, " seeds"]


class LlmLabels(NamedTuple):
    """Everything by network; those that are not there or diverged are NaN, and so are units that an arm lacks.

    `units` are the hidden layer's. `example`: the seed whose test accuracy is nearest its arm's median, the one that
    pictures are of. Dead: fires on no test image.
    """

    recipes: tuple[str, ...]
    arms: tuple[str, ...]
    conditions: tuple[str, ...]
    classes: tuple[str, ...]
    networks: Int[np.ndarray, " recipes"]
    diverged: Int[np.ndarray, " recipes"]
    widths: Int[np.ndarray, " arms"]
    example: Int[np.ndarray, " arms"]

    # 2.1: weights of the XOR networks, and what they do on the four corners; subsets: `xor.subsets`.
    corners: tuple[str, ...]
    xor_kernel: Float[np.ndarray, "seeds inputs neurons"]
    xor_bias: Float[np.ndarray, "seeds neurons"]
    xor_outgoing: Float[np.ndarray, "seeds neurons"]
    xor_offset: Float[np.ndarray, " seeds"]
    xor_gates: Float[np.ndarray, "seeds conditions neurons corners"]
    xor_outputs: Float[np.ndarray, "seeds conditions corners"]
    xor_loss: Float[np.ndarray, "seeds conditions"]
    xor_kept: Float[np.ndarray, "seeds subsets corners"]  # answered rightly by these neurons alone
    xor_mean_ablated: Float[np.ndarray, "seeds neurons corners"]  # answered rightly with one neuron at its mean

    # 2.2
    accuracy: Float[np.ndarray, "seeds arms"]
    dead: Float[np.ndarray, "seeds arms conditions units"]
    dead_training: Float[np.ndarray, "seeds arms units"]  # fires on no training image

    # 2.3: the write-up's recipe on the neuron's output and on what enters its ReLU, and exact optima.
    targets: tuple[str, ...]
    recipe_cosine: Float[np.ndarray, "seeds arms targets units starts"]  # with the exact optimum, w/2λ
    recipe_fires: Float[np.ndarray, "seeds arms targets units starts"]  # the image found makes the neuron fire
    recipe_value: Float[np.ndarray, "seeds arms targets units"]  # best start's, before the ReLU, less the penalty
    exact_value: Float[np.ndarray, "seeds arms units"]  # ‖w‖²/4λ + b
    box_value: Float[np.ndarray, "seeds arms conditions units"]  # most that any image in [0, 1] gives
    blank_value: Float[np.ndarray, "seeds arms conditions units"]
    best_value: Float[np.ndarray, "seeds arms conditions units"]  # of the best test image
    silent_starts: Float[np.ndarray, "seeds arms units"]  # share of N(0, 1) images on which the neuron is silent
    ascent_value: Float[np.ndarray, "seeds arms units"]  # found in the box by gradient ascent
    likeness: Float[np.ndarray, "seeds arms conditions units"]  # the picture with the neuron's best images
    likeness_other: Float[np.ndarray, "seeds arms conditions units"]  # with those of other neurons
    pictures: Float[np.ndarray, "arms views units pixels"]
    views: tuple[str, ...]
    outgoing: Float[np.ndarray, "arms units classes"]  # of the example, and how often its neurons fire
    firing: Float[np.ndarray, "arms units"]
    best_images: Float[np.ndarray, "arms units exemplars pixels"]

    # 2.4
    class_mean: Float[np.ndarray, "seeds arms units classes"]
    class_sd: Float[np.ndarray, "seeds arms units classes"]
    explained: Float[np.ndarray, "seeds arms conditions units"]  # share of the variance that lies between classes
    explained_permuted: Float[np.ndarray, "seeds arms conditions units"]
    digits: Float[np.ndarray, "seeds arms conditions units"]  # classes whose mean is at least half of the highest
    digits_permuted: Float[np.ndarray, "seeds arms conditions units"]
    fired: Float[np.ndarray, "seeds arms conditions units"]  # classes on most of whose images the neuron fires
    top_index: Float[np.ndarray, "seeds arms units"]
    top_null: Float[np.ndarray, "seeds arms units"]

    # 2.5
    lists: tuple[str, ...]
    rebuilt: Float[np.ndarray, "seeds arms conditions lists units"]  # squared correlation with the neuron's input
    overlap: Float[np.ndarray, "seeds arms conditions units"]  # of the list by weight with that by contribution
    unlit: Float[np.ndarray, "seeds arms conditions units"]  # share of the list by weight that no image lights
    listed_live: Float[np.ndarray, "seeds arms classes"]  # of a logit's two largest weights
    first_same: Float[np.ndarray, "seeds arms classes"]  # a logit's largest weight is its largest contribution

    # 2.8: distinct facets, by images made and by clusters of the best test images; networks of six neurons alone.
    # Directions are random ones: of the hidden layer, in place of outputs, and of the pixels, in place of neurons.
    facets_of_neurons: Float[np.ndarray, "seeds units"]
    facets_of_outputs: Float[np.ndarray, "seeds conditions classes"]
    facets_of_directions: Float[np.ndarray, "seeds directions"]
    facets_of_layer: Float[np.ndarray, "seeds conditions"]  # large and orthogonal activation vectors
    participation: Float[np.ndarray, "seeds conditions"]  # of the hidden layer, on the test images
    clusters_of_neurons: Float[np.ndarray, "seeds conditions units"]
    clusters_of_outputs: Float[np.ndarray, "seeds classes"]
    clusters_of_directions: Float[np.ndarray, "seeds directions"]
    planted: tuple[str, ...]  # kinds of planted units
    planted_facets: Int[np.ndarray, " planted"]  # how many one of that kind has
    facets_of_planted: Float[np.ndarray, "planted draws"]
    facet_images: Float[np.ndarray, "classes facets pixels"]
    facet_shares: Float[np.ndarray, "classes facets"]  # of the best image's gain


class Asked(NamedTuple):
    """The networks of a recipe after training and before, their data, and who is left out."""

    networks: Network
    before: Network
    splits: Splits
    diverged: np.ndarray
    accuracy: Seeds
    base_seed: int


def asked(subject: Subject) -> Asked:
    """What every row reads of a run."""
    run = subject.run
    accuracy = kept_accuracy(run.history)[:, SPLITS.index("test")]
    return Asked(
        run.networks, subject.untrained(), subject.splits, subject.diverged, accuracy, run.config.train.base_seed
    )


def ask(fn, networks: Network, *shared: Any, chunk: int = 20) -> Any:
    """fn of every network, as NumPy arrays that lead with seeds."""
    return jax.tree.map(np.asarray, _compiled(fn, chunk)(networks, *shared))


def ask_both(fn, group: Asked, *shared: Any, chunk: int = 20) -> Any:
    """fn of every network before and after training, which makes an axis of conditions behind seeds."""
    found = [_compiled(fn, chunk)(networks, *shared) for networks in (group.before, group.networks)]
    return jax.tree.map(lambda *parts: np.stack([np.asarray(part) for part in parts], axis=1), *found)


def ask_each(fn, networks: Network, key, *shared: Any, chunk: int = 2) -> Any:
    """As `ask`, fn(network, key, …) with a key of each network's own."""
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(size(networks)))
    return _with_keys(fn, networks, keys, shared, chunk)


def ask_each_both(fn, group: Asked, key, *shared: Any, chunk: int = 2) -> Any:
    """As `ask_both`, fn(network, key, …) with a key of each network's own, the same before and after."""
    count = size(group.networks)
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(2 * count) % count)
    networks = jax.tree.map(lambda *parts: jnp.concatenate(parts), group.before, group.networks)
    found = _with_keys(fn, networks, keys, shared, chunk)
    return jax.tree.map(lambda values: np.stack(np.split(values, 2), axis=1), found)


def _with_keys(fn, networks: Network, keys, shared, chunk: int):
    return jax.tree.map(np.asarray, _compiled_with_keys(fn, chunk)(networks, keys, *shared))


@cache
def _compiled(fn, chunk: int):
    return jax.jit(over_seeds(fn, chunk=chunk))


@cache
def _compiled_with_keys(fn, chunk: int):
    def lifted(networks, keys, *shared):
        return jax.lax.map(lambda pair: fn(*pair, *shared), (networks, keys), batch_size=chunk)

    return jax.jit(lifted)


def key_of(group: Asked, part: int):
    """A row's own key."""
    return jax.random.fold_in(jax.random.key(group.base_seed), part)


def laid_out(name: str, parts: list, *, seeds: int, units: int = 0) -> np.ndarray:
    """A field of the record from what its arms gave, as long as the longest in seeds and units, and NaN beyond."""
    axes = typing.get_type_hints(LlmLabels)[name].dim_str.split()
    place = axes.index("arms") if "arms" in axes else None
    longest = {"seeds": seeds, "units": units}
    kept = [axis for axis in axes if axis != "arms"]

    def padded(part):
        part = np.asarray(part, np.float64)
        more = [(0, longest.get(axis, size) - size) for axis, size in zip(kept, part.shape, strict=True)]
        return np.pad(part, more, constant_values=np.nan)

    found = [padded(part) for part in parts]
    return found[0] if place is None else np.stack(found, axis=place)


def by_arm(arms: Mapping[str, Asked], seeds: int, measure) -> dict[str, np.ndarray]:
    """The fields that measure(asked) gives for both arms, diverged networks left out."""
    return of_arms(arms, seeds, [measure(arms[arm]) for arm in ARMS])


def of_arms(arms: Mapping[str, Asked], seeds: int, measured: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The fields that were measured on one arm and on the other."""
    units = max(arms[arm].networks.model.widths[0] for arm in ARMS)
    found = [blanked(values, arms[arm].diverged) for arm, values in zip(ARMS, measured, strict=True)]
    return {name: laid_out(name, [part[name] for part in found], seeds=seeds, units=units) for name in found[0]}


def live(record: LlmLabels, arm: str, condition: str = TRAINED) -> Float[np.ndarray, "seeds units"]:
    """1 for a neuron that fires on some test image, 0 for a dead one."""
    return 1 - record.dead[:, record.arms.index(arm), record.conditions.index(condition)]


def over_live(record: LlmLabels, values, arm: str = SIX, condition: str = TRAINED) -> Seeds:
    """A network's mean over its live neurons; values: "seeds units"."""
    return known_mean(np.where(live(record, arm, condition) == 1, values, np.nan), 1)


def left_out(record: LlmLabels, recipe: str) -> str:
    """How many networks a finding is not about."""
    place = record.recipes.index(recipe)
    told = claims.left_out(int(record.diverged[place]), int(record.networks[place]))
    return told and f" {told}"


def figure_of(values: Float[np.ndarray, "..."], digits: int = 3) -> str:
    """The mean of what is known in words; — where nothing is."""
    return claims.in_words(known_mean(values, None), digits)
