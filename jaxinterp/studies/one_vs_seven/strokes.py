"""Which neurons carry the stroke? Row 1.10: the data whose truth is known, and the top bar of real 7s.

The truth about a unit comes from twins, pairs of images that differ by the stroke alone, and the rankings from images
and their labels. What is ranked on one half of the test images is scored on the other.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import stats
from jaxinterp.analysis import ablation, patching, responses, strokes
from jaxinterp.data import Dataset, toy
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.studies.claims import Claim, Finding, Rule
from jaxinterp.studies.one_vs_seven.record import (
    LARGEST_GROUP,
    LAYERS,
    MOST,
    ONE,
    SEVEN,
    STROKES,
    STUDY,
    OneVsSeven,
    Seeds,
    group_size,
    judged,
    key_of,
    laid_out,
    left_out,
    mean,
    of_class,
)
from jaxinterp.studies.subjects import Subject, halves

DIFFERENCE, PATCHING = "class difference", "activation patching"
D_PRIME, AUC, INFORMATION = "d′", "AUC", "mutual information"
ZERO, MEAN, WEIGHT, ACTIVITY = "zero-ablation", "mean-ablation", "activation × weight", "mean activation"
METHODS = (DIFFERENCE, D_PRIME, AUC, INFORMATION, ZERO, MEAN, WEIGHT, ACTIVITY, PATCHING)
CARRIES = 0.5  # a unit carries the stroke that moves it by more than this many of its sds within a class
QUARTER = 0.25
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # for the curve; as many as there are, where a layer has fewer
DRAWS = 200


class Retrieval(NamedTuple):
    """How well the first quarter of each ranking of a layer's units finds those that the stroke moves.

    carriers: share of the units that it moves by more than CARRIES, against which precision and recall are; moved,
    patched: share found of the quarter that it moves most, and of the quarter that restores most of it when patched.
    """

    carriers: Float[Array, " layers"]
    precision: Float[Array, "methods layers"]
    recall: Float[Array, "methods layers"]
    moved: Float[Array, "methods layers"]
    patched: Float[Array, "methods layers"]


class Patched(NamedTuple):
    """What groups of a layer's units restore of the margin that a 7 loses with its top bar, as shares of that loss."""

    total: Float[Array, " layers"]
    restored: Float[Array, "layers sizes"]
    top: Float[Array, " layers"]
    random: Float[Array, "layers draws"]
    by_difference: Float[Array, " layers"]
    overlap: Float[Array, " layers"]


def measure(subjects: Mapping[str, Subject], seeds: int) -> dict[str, Any]:
    """The record's fields of row 1.10."""
    subject = subjects[STROKES]
    test, twins = subject.splits.test, twins_of(subject)
    found = laid_out(subject, seeds, jax.jit(over_seeds(retrieval, chunk=2))(subject.run.networks, test, twins))
    untrained = jax.jit(over_seeds(carriers, chunk=2))(subject.untrained(), halves(test)[1], halves(twins)[1])
    main = subjects[STUDY]
    run = jax.jit(over_seeds(patched, chunk=1))
    bars = laid_out(
        main, seeds, run(main.run.networks, main.splits.test, *bar_twins(main.splits.test), key_of(subjects, 3))
    )
    p = stats.permutation_p(bars.top, np.moveaxis(bars.random, -2, -1))
    return {
        "methods": METHODS,
        "carriers": found.carriers,
        "carriers_untrained": laid_out(subject, seeds, untrained),
        "precision": found.precision,
        "recall": found.recall,
        "found_moved": found.moved,
        "found_patched": found.patched,
        "quarters": np.array([_quarter(width) / width for width in subject.run.networks.model.widths]),
        "sizes": np.array(SIZES),
        "patch_total": bars.total,
        "patch_restored": bars.restored,
        "patch_top": bars.top,
        "patch_random": bars.random.mean(axis=-2),
        "patch_p": np.where(np.isnan(bars.top), np.nan, p),
        "patch_by_difference": bars.by_difference,
        "patch_overlap": bars.overlap,
    }


def twins_of(subject: Subject) -> Dataset:
    """The twin of every test image of a run on strokes. Raises InputError for another source of data."""
    config = subject.run.config.data
    made = toy.strokes(config.data_seed)
    if config.source != "strokes" or not np.array_equal(made.splits.test.images, subject.splits.test.images):
        raise InputError(f"{STROKES} needs the strokes data as it was drawn, got {config.source} after changes")
    return made.twins.test


def bar_twins(test: Dataset) -> tuple[Float[np.ndarray, "examples pixels"], Float[np.ndarray, "examples pixels"]]:
    """Every 7 that has a top bar, and the same without it."""
    sevens = of_class(test, SEVEN)
    bars = np.asarray(jax.jit(strokes.top_bars)(sevens))
    found = bars.any(axis=1)
    return sevens[found], np.where(bars[found], 0, sevens[found])


def retrieval(network: Network, images: Dataset, twins: Dataset) -> Retrieval:
    """Each method's ranking of each layer's units, held against the units that the stroke itself moves."""
    (ranked, held), (ranked_twins, held_twins) = halves(images), halves(twins)
    layers = []
    for layer in LAYERS:
        site = f"{layer}/post"
        moved = shifts(network, held, held_twins, site=site)
        truths = (moved > CARRIES, _largest(moved), _largest(restoring(network, held, held_twins, site=site)))
        found = rankings(network, ranked, ranked_twins, site=site)
        first = jax.vmap(_largest)(jnp.stack([found[name] for name in METHODS]))
        hits = [jnp.sum(first & truth, axis=-1) for truth in truths]
        taken, there = jnp.sum(first[0]), jnp.sum(truths[0])
        layers.append(
            Retrieval(
                jnp.mean(truths[0]),
                *(count / size for count, size in zip((hits[0], *hits), (taken, there, taken, taken), strict=True)),
            )
        )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=-1), *layers)


def carriers(network: Network, images: Dataset, twins: Dataset) -> Float[Array, " layers"]:
    """Share of each layer's units that the stroke moves by more than CARRIES."""
    moved = [shifts(network, images, twins, site=f"{layer}/post") for layer in LAYERS]
    return jnp.stack([jnp.mean(values > CARRIES) for values in moved])


def restoring(network: Network, images: Dataset, twins: Dataset, *, site: Site) -> Float[Array, " units"]:
    """How much of the stroke's effect on the answer each unit restores when patched, or reverses."""
    pairs = with_and_without(images, twins)
    return jnp.abs(patching.patch_units(network, *pairs, site=site, first=1, second=0).effect)


def shifts(network: Network, images: Dataset, twins: Dataset, *, site: Site) -> Float[Array, " units"]:
    """How much the stroke moves each unit: mean absolute change over pairs, in sds that the unit has within a class.

    0 for a unit that never varies, ∞ for one that only the stroke moves.
    """
    activations = [network(part)[1][site] for part in with_and_without(images, twins)]
    spread = jnp.sqrt((jnp.var(activations[0], axis=0) + jnp.var(activations[1], axis=0)) / 2)
    change = jnp.mean(jnp.abs(activations[0] - activations[1]), axis=0)
    return jnp.where(change > 0, change / spread, 0)


def with_and_without(images: Dataset, twins: Dataset) -> tuple[Array, Array]:
    """Every pair's image with the stroke, and the one without it."""
    has_it = jnp.asarray(images.labels)[:, None] == 1
    return jnp.where(has_it, images.images, twins.images), jnp.where(has_it, twins.images, images.images)


def rankings(network: Network, images: Dataset, twins: Dataset, *, site: Site) -> dict[str, Float[Array, " units"]]:
    """What each method goes by, higher for units that it would name first; only activation patching sees the twins."""
    activations = network(images.images)[1][site]
    measured = responses.selectivity(activations, images.labels, classes=2)
    before = ablation.baseline(network, images)
    drops = {
        kind: ablation.damage(before, ablation.units(network, images, site=site, kind=kind)).margin
        for kind in ("zero", "mean")
    }
    weighted = ablation.predictors(network, images, site=site).activation_weight
    return {
        DIFFERENCE: jnp.abs(responses.class_difference(activations, images.labels, 1, 0)),
        D_PRIME: jnp.abs(measured.d_prime[1]),
        AUC: jnp.abs(measured.auc[1] - 0.5),
        INFORMATION: measured.mutual_information[1],
        ZERO: jnp.mean(drops["zero"], axis=-1),
        MEAN: jnp.mean(drops["mean"], axis=-1),
        WEIGHT: jnp.max(jnp.abs(weighted), axis=-1),
        ACTIVITY: jnp.mean(activations, axis=0),
        PATCHING: restoring(network, images, twins, site=site),
    }


def patched(network: Network, test: Dataset, clean: Array, corrupt: Array, key) -> Patched:
    """What groups of units restore of a 7's top bar; units are ranked on one half of the 7s and scored on the other."""
    others = jnp.where(jnp.asarray(test.labels) == ONE, ONE, -1)  # 7s that are scored are not ranked by
    labels = jnp.concatenate([others, jnp.full(len(clean[0::2]), SEVEN)])
    activations = network(jnp.concatenate([test.images, clean[0::2]]))[1]
    layers = []
    for layer in LAYERS:
        site = f"{layer}/post"
        options = {"site": site, "first": SEVEN, "second": ONE}
        alone = patching.patch_units(network, clean[0::2], corrupt[0::2], **options)
        difference = jnp.abs(responses.class_difference(activations[site], labels, ONE, SEVEN))
        size = group_size(len(difference))
        by_effect, by_difference = (jnp.argsort(jnp.argsort(-values)) for values in (alone.effect, difference))
        top, large = by_effect < size, by_difference < size
        prefixes = by_effect < np.array(SIZES)[:, None]
        masks = jnp.concatenate([prefixes, top[None], large[None], ablation.random_groups(key, top, draws=DRAWS)])
        found = patching.patch_groups(network, clean[1::2], corrupt[1::2], masks, **options)
        count = len(SIZES)
        overlap = jnp.sum(top & large) / size
        layers.append(Patched(alone.total, found[:count], found[count], found[count + 2 :], found[count + 1], overlap))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)


def findings(record: OneVsSeven) -> list[Finding]:
    """Row 1.10 judged."""
    layers = range(len(record.layers))
    return [
        *(finding for place in layers for finding in _retrieval_findings(record, place)),
        *(_bar_finding(record, place) for place in layers),
    ]


def _retrieval_findings(record: OneVsSeven, place: int) -> list[Finding]:
    """Do few units carry the stroke, and does the class difference find those that it moves, and that carry it most?"""
    layer, base, untrained = record.layers[place], record.carriers[place], record.carriers_untrained[place]
    difference, apart = record.methods.index(DIFFERENCE), left_out(record, STROKES)
    note = (
        f"A carrier: on average over pairs, adding the stroke moves the unit by more than {CARRIES:g} of its sd within "
        f"a class. At a quarter of the units, by {DIFFERENCE}: precision {mean(record.precision[difference, place])}, "
        f"recall {mean(record.recall[difference, place])}. {apart}"
    )
    text = f"A minority of the units of {layer} carry the stroke, where nothing else differs"
    claim = Claim(STUDY, f"1.10 {layer} few", text, "—", Rule("the share of the units that carry it", high=MOST))
    found = [judged(claim, base, untrained, "untrained networks", base, note=note)]
    for name, text, values, note in (
        (
            "moved",
            "that the stroke moves most",
            record.found_moved[:, place],
            f"Moved: mean absolute change over pairs, in the unit's sd within a class, as in {D_PRIME}.",
        ),
        (
            "patched",
            "that carry the stroke to the answer",
            record.found_patched[:, place],
            "To the answer: put back from the twin with the stroke, they restore most of the margin that it makes; "
            f"{PATCHING}, beside, is the same on other pairs: what can be found at all.",
        ),
    ):
        others = dict(zip(record.methods, values, strict=True))
        measured = others.pop(DIFFERENCE)
        random = np.where(np.isfinite(measured), record.quarters[place], np.nan)
        control, beside = random, "random quarter"
        if np.nansum(others[ACTIVITY]) > np.nansum(random):
            control, beside = others.pop(ACTIVITY), ACTIVITY
        rule = Rule(
            f"the share found of a quarter of the units, 0 for the better of a random quarter and {ACTIVITY}, which "
            "needs no labels, and 1 for all of them; at most ±1",
            low=MOST,
        )
        text = f"The class difference names the units of {layer} {text}"
        claim = Claim(STUDY, f"1.10 {layer} {name}", text, "—", rule)
        note += " Equal units are ranked in the layer's order. Ranked on one half of the images, the truth is from "
        note += f"pairs of the other. {apart}"
        found.append(judged(claim, measured, control, beside, _against(measured, control), others=others, note=note))
    return found


def _against(measured: Seeds, control: Seeds) -> Seeds:
    """Calibrated by the control as `stats.calibrated_parts` is; NaN where nothing is known, or nothing left open."""
    known = np.isfinite(measured)
    if not known.any() or control[known].mean() == 1:
        return np.full_like(measured, np.nan)
    return stats.calibrated_parts(measured, control, measured[known].mean(), control[known].mean())


def _bar_finding(record: OneVsSeven, place: int) -> Finding:
    layer, top, random = record.layers[place], record.patch_top[place], record.patch_random[place]
    rule = Rule(
        "the share that they restore, 0 for as many random units and 1 for all that is lost; at most ±1", low=MOST
    )
    text = f"{LARGEST_GROUP} units of {layer} carry the top bar of real 7s: patched, they restore most of the margin"
    note = (
        f"Without its bar a 7 loses {mean(record.patch_total[place], 2)} logits of margin. Units are ranked by "
        f"activation patching on half of the 7s and scored on the others; largest p of a network "
        f"{mean(record.patch_p[place], of=np.max)}. {mean(record.patch_overlap[place])} of them are among as many of "
        f"largest {DIFFERENCE}. {left_out(record)}"
    )
    claim = Claim(STUDY, f"1.10 MNIST {layer}", text, "—", rule)
    score = np.clip(stats.calibrated(top, random), -1, 1)
    others = {f"as many of largest {DIFFERENCE}": record.patch_by_difference[place]}
    return judged(claim, top, random, "as many random units", score, others=others, note=note)


def _quarter(units: int) -> int:
    return max(1, round(QUARTER * units))


def _largest(values: Float[Array, " units"]) -> Bool[Array, " units"]:
    """The quarter of the units of highest value; NaN is the lowest."""
    rank = jnp.argsort(jnp.argsort(-jnp.nan_to_num(values, nan=-jnp.inf)))
    return rank < _quarter(values.shape[0])
