"""What is known of the stroke that makes a 1 a 7? The record of study `one-vs-seven`, and what its parts share."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.data import Dataset
from jaxinterp.stats import Estimate
from jaxinterp.studies import claims
from jaxinterp.studies.claims import Finding
from jaxinterp.studies.subjects import Subject, blanked

STUDY = "one-vs-seven"
PLAIN, SMALL, STROKES = "one-vs-seven-plain", "one-vs-seven-small", "one-vs-seven-strokes"
ARMS = (STUDY, PLAIN, SMALL)  # those that are trained on 1s and 7s
ONE, SEVEN = 1, 7
LAYERS = ("hidden0", "hidden1")
LARGEST_GROUP = 16

# Most of what is asked about, whether images, neurons or a drop: a share above one half.
MOST = 0.5

Seeds = Float[np.ndarray, " seeds"]


class OneVsSeven(NamedTuple):
    """Every figure of the study, network by network.

    `seeds` is as long as the largest ensemble; networks that are not there or diverged are NaN. Shares read as a 1 or
    as a 7 are between these two logits; accuracies are among all outputs.
    """

    recipes: tuple[str, ...]
    arms: tuple[str, ...]
    layers: tuple[str, ...]
    classes: tuple[str, ...]
    networks: Int[np.ndarray, " recipes"]
    diverged: Int[np.ndarray, " recipes"]

    # 1.1–1.4: images before and after an edit, and with as much ink drawn or erased elsewhere (control).
    edits: tuple[str, ...]
    edit_logits: Float[np.ndarray, "edits classes seeds"]
    edit_as_one: Float[np.ndarray, "edits seeds"]  # of the images that were read rightly before
    edit_probability: Float[np.ndarray, "edits seeds"]  # of a 1
    control_logits: Float[np.ndarray, "edits classes seeds"]
    control_as_one: Float[np.ndarray, "edits seeds"]
    control_probability: Float[np.ndarray, "edits seeds"]
    edit_ambiguous: Float[np.ndarray, "edits seeds"]  # probability of a 1 between ¼ and ¾
    control_ambiguous: Float[np.ndarray, "edits seeds"]
    edited_images: Int[np.ndarray, " edits"]
    pictures: Float[np.ndarray, "edits pixels"]
    control_pictures: Float[np.ndarray, "edits pixels"]
    blends: tuple[str, ...]
    doses: Float[np.ndarray, " doses"]
    blend_as_seven: Float[np.ndarray, "blends doses seeds"]

    # 1.5: rows of a 7 erased one by one. Only 7s that were read rightly.
    directions: tuple[str, ...]
    rows_as_seven: Float[np.ndarray, "directions steps seeds"]
    rows_fewest: Float[np.ndarray, "directions fewest seeds"]  # share of 7s; the last entry: never
    rows_mean: Float[np.ndarray, "directions seeds"]  # over those that flip
    bisection_wrong: Float[np.ndarray, " seeds"]
    window_mean: Float[np.ndarray, " seeds"]
    window_none: Float[np.ndarray, " seeds"]
    window_covers: Float[np.ndarray, "rows seeds"]

    # 1.6: passes with dropout on.
    noise_sd: Float[np.ndarray, "arms classes seeds"]
    noise_share: Float[np.ndarray, "arms seeds"]
    noise_differing: Float[np.ndarray, "arms seeds"]

    # 1.7: mean activation on 1s less that on 7s, unit by unit.
    conditions: tuple[str, ...]
    bin_edges: Float[np.ndarray, " edges"]
    difference_bins: Float[np.ndarray, "conditions arms layers bins seeds"]
    difference_small: Float[np.ndarray, "conditions arms layers seeds"]

    # 1.8, 1.9: units knocked out together at the last hidden layer.
    kinds: tuple[str, ...]
    signs: tuple[str, ...]
    groups: tuple[str, ...]
    thresholds: Float[np.ndarray, " thresholds"]
    intact: Float[np.ndarray, "arms seeds"]
    selected_units: Float[np.ndarray, "arms signs thresholds seeds"]
    knocked: Float[np.ndarray, "arms signs thresholds kinds seeds"]
    knocked_classes: Float[np.ndarray, "arms signs thresholds kinds classes seeds"]
    drawn_mean: Float[np.ndarray, "arms groups thresholds kinds seeds"]
    drawn_low: Float[np.ndarray, "arms groups thresholds kinds seeds"]
    drawn_high: Float[np.ndarray, "arms groups thresholds kinds seeds"]
    drawn_p: Float[np.ndarray, "arms groups thresholds kinds seeds"]
    drawn_apart: Float[np.ndarray, "arms groups thresholds kinds seeds"]  # without the drawn units that were not chosen
    drawn_overlap: Float[np.ndarray, "arms groups thresholds seeds"]  # share of the chosen units among the drawn
    draws: Float[np.ndarray, "groups seeds draws"]  # zero-ablation in the first arm, at SHOWN

    # 1.10: which units carry the stroke, where the truth is known, and in a 7's top bar.
    methods: tuple[str, ...]
    carriers: Float[np.ndarray, "layers seeds"]
    carriers_untrained: Float[np.ndarray, "layers seeds"]
    precision: Float[np.ndarray, "methods layers seeds"]  # of a method's first quarter, against the carriers
    recall: Float[np.ndarray, "methods layers seeds"]
    found_moved: Float[np.ndarray, "methods layers seeds"]  # share found of the quarter that the stroke moves most
    found_patched: Float[np.ndarray, "methods layers seeds"]  # of the quarter that, patched, restores most of it
    quarters: Float[np.ndarray, " layers"]  # a quarter of the units, as a share of them
    sizes: Int[np.ndarray, " sizes"]
    patch_total: Float[np.ndarray, "layers seeds"]
    patch_restored: Float[np.ndarray, "layers sizes seeds"]
    patch_top: Float[np.ndarray, "layers seeds"]
    patch_random: Float[np.ndarray, "layers seeds"]
    patch_p: Float[np.ndarray, "layers seeds"]
    patch_by_difference: Float[np.ndarray, "layers seeds"]
    patch_overlap: Float[np.ndarray, "layers seeds"]

    # 1.12: correlation of the found units with their best match in another network.
    comparisons: tuple[str, ...]
    analogy: Float[np.ndarray, "comparisons arms layers seeds seeds"]


def of_class(data: Dataset, label: int) -> Float[np.ndarray, "examples pixels"]:
    """The images of one class."""
    return np.asarray(data.images)[np.asarray(data.labels) == label]


def share(values, members) -> Array:
    """Mean of the values over the members of the last axis; NaN where there are none."""
    count = jnp.sum(members)
    total = jnp.sum(jnp.where(members, values, 0), axis=-1)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)


def last_site(model) -> str:
    """What the outputs read."""
    return f"hidden{len(model.widths) - 1}/post"


def group_size(units: int) -> int:
    """How many units are picked out of a layer: 16, or a quarter where that is less."""
    return max(1, min(LARGEST_GROUP, units // 4))


def laid_out(subject: Subject, seeds: int, found: Any) -> Any:
    """Arrays that lead with a run's seeds, seeds last, as many as the record has; NaN where there is no network."""

    def place(leaf):
        values = np.full((*leaf.shape[1:], seeds), np.nan)
        values[..., : len(leaf)] = np.moveaxis(leaf, 0, -1)
        return values

    return jax.tree.map(place, blanked(found, subject.diverged))


def stacked(parts: list) -> Any:
    """Pytrees of arrays of the same shapes, each array stacked along a new first axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *parts)


def judged(*measured, **beside) -> Finding:
    """`claims.judged` with the score's interval cut off at ±1."""
    finding = claims.judged(*measured, **beside)
    return finding._replace(score=bounded(finding.score))


def bounded(score: Estimate) -> Estimate:
    """A score's mean and interval, cut off at ±1: no bound of a rule lies beyond."""
    mean, low, high = (float(np.clip(value, -1, 1)) for value in (score.mean, score.low, score.high))
    return score._replace(mean=mean, low=low, high=high)


def mean(values: Seeds, digits: int = 3, *, of: Callable = np.mean) -> str:
    """The mean over networks in words, or another figure of them; — where there is none."""
    found = values[np.isfinite(values)]
    return claims.in_words(of(found), digits) if len(found) else "—"


def left_out(record: OneVsSeven, recipe: str = STUDY) -> str:
    """How many networks a finding is not about."""
    place = record.recipes.index(recipe)
    return claims.left_out(int(record.diverged[place]), int(record.networks[place]))


def key_of(subjects: Mapping[str, Subject], part: int):
    """A part's own key."""
    return jax.random.fold_in(jax.random.key(subjects[STUDY].run.config.train.base_seed), part)
