"""Do two trainings give the same activations and answers? Rows 3.1 to 3.3: similarity of all pairs of networks.

The write-up compared two networks' hidden activations unit by unit, found them unlike, sorted each activation vector,
found them alike, and concluded that both encode the same features. Sorted values are alike for any two samples of
similar distributions, so every figure here stands beside networks that were not trained and networks that see
different images.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import controls, ensemble, metrics, stats
from jaxinterp.analysis import matching, similarity
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import Network, sites
from jaxinterp.studies.claims import Claim, Finding, Rule
from jaxinterp.studies.instance_variation.record import (
    ALIKE,
    EXAMPLES,
    STUDY,
    TRAINED,
    UNTRAINED,
    InstanceVariation,
    calibrated_score,
    judge,
    left_out,
    mirrored,
)
from jaxinterp.studies.subjects import Subject, blanked_pairs

ROWS, CLASS, COLUMNS = "rows shuffled", "shuffled within class", "independent columns"
CONDITIONS = (TRAINED, UNTRAINED, ROWS, CLASS, COLUMNS)
ACCURACY_MATCHED = "accuracy-matched chance"
RAW, SORTED = "raw", "sorted"

# A tenth of the way from chance to identity: what is no more than this is not said to be alike.
UNLIKE = 0.1

_PUBLISHED = {
    (RAW, "hidden0", "cosine"): ".066 ± .156",
    (RAW, "hidden0", "Pearson"): "−.014 ± .171",
    (RAW, "hidden1", "cosine"): ".121 ± .201",
    (RAW, "hidden1", "Pearson"): ".034 ± .195",
    (SORTED, "hidden0", "cosine"): ".967 ± .031",
    (SORTED, "hidden0", "Pearson"): ".973 ± .024",
    (SORTED, "hidden1", "cosine"): ".931 ± .059",
    (SORTED, "hidden1", "Pearson"): ".948 ± .039",
}


_SOURCE = (
    "Published: one pair, ± sd over images, from weights loaded under another activation than they were trained with."
)


def measure(subjects: Mapping[str, Subject], key) -> dict[str, Any]:
    """The record's fields of rows 3.1 to 3.3."""
    subject = subjects[STUDY]
    run, data = subject.run, subject.splits.test
    loss, diverged = run.config.train.loss, subject.diverged
    return compare(run.networks, subject.untrained(), data, key=key, loss=loss, diverged=diverged)


def compare(
    networks: Network,
    untrained: Network,
    data: Dataset,
    *,
    key,
    loss: str = "cross_entropy",
    diverged: Bool[Array | np.ndarray, " seeds"] | None = None,
) -> dict[str, Any]:
    """The similarity of all pairs of an ensemble, as the record's fields.

    untrained: the same seeds before training. data: test images, of which the first 1000 are used. key: for the
    shuffles. loss: what the outputs were trained by, which says how answers are read. diverged: networks to leave
    out, besides those whose activations are not finite.
    Raises InputError for fewer than two seeds, or other seeds before training than after.
    """
    seeds, before = ensemble.size(networks), ensemble.size(untrained)
    if seeds < 2 or seeds != before:
        raise InputError(f"two or more seeds are needed, the same before and after training, got {seeds} and {before}")
    images, labels = jnp.asarray(data.images[:EXAMPLES]), jnp.asarray(data.labels[:EXAMPLES])
    names = (*(site for site in sites(networks.model) if site.endswith("/post")), "logits")
    omitted = np.zeros(seeds, bool) if diverged is None else np.array(diverged, bool)
    orders = _orders(key, labels, seeds=seeds, units=max((*networks.model.widths, networks.model.outputs)))
    compared = {}
    for site in names:
        read = jax.jit(over_seeds(partial(_activations, site=site)))
        trained, initial = read(networks, images), read(untrained, images)
        omitted |= ~np.isfinite(trained).all(axis=(1, 2))
        compared[site] = _conditions(trained, initial, orders)
    logits = compared["logits"]
    answers = {name: [metrics.predictions(loss, x) for x in pair] for name, pair in logits.items()}
    accuracy = np.array(jnp.mean(answers[TRAINED][0] == labels, axis=-1), np.float64)
    accuracy[omitted] = np.nan

    def table(fn: Callable) -> np.ndarray:
        """fn(activations, others) under every condition at every site, with the networks left out blanked."""
        return blanked_pairs(np.array([[fn(*compared[site][name]) for site in names] for name in CONDITIONS]), omitted)

    examples = np.stack([table(partial(_examples, sort=order == SORTED)) for order in (RAW, SORTED)], axis=3)
    cosine, cosine_spread, pearson, pearson_spread = np.moveaxis(examples, 2, 0)
    agreement = np.array([jax.jit(similarity.agreement)(*answers[name]) for name in CONDITIONS])
    matched = partial(matching.matched_correlation, key=key, absolute=mirrored(networks.model))
    return {
        "conditions": CONDITIONS,
        "sites": names,
        "orders": (RAW, SORTED),
        "cosine": cosine,
        "cosine_spread": cosine_spread,
        "pearson": pearson,
        "pearson_spread": pearson_spread,
        "cka": table(jax.jit(similarity.linear_cka)),
        "matched": table(jax.jit(matched)),
        "agreement": blanked_pairs(agreement, omitted),
        "chance_agreement": accuracy_matched(accuracy, max(2, logits[TRAINED][0].shape[-1])),
        "accuracy": accuracy,
        "left_out": omitted,
    }


def accuracy_matched(accuracy: Float[np.ndarray, " seeds"], classes: int) -> Float[np.ndarray, "seeds seeds"]:
    """How often two networks would agree if all that they shared were being right this often.

    aᵢaⱼ + (1 − aᵢ)(1 − aⱼ)/(classes − 1): errors independent and spread evenly over the wrong classes.
    """
    wrong = 1 - accuracy
    return np.outer(accuracy, accuracy) + np.outer(wrong, wrong) / (classes - 1)


def findings(record: InstanceVariation) -> list[Finding]:
    """Rows 3.1 to 3.3 judged, and what does not depend on the order of units."""
    omitted = left_out(record)
    found = []
    for number, order in (("3.1", RAW), ("3.2", SORTED)):
        for layer, place in _hidden(record):
            for name, means, spreads in (
                ("cosine", record.cosine, record.cosine_spread),
                ("Pearson", record.pearson, record.pearson_spread),
            ):
                index = (slice(None), place, record.orders.index(order))
                spread = stats.over_pairs_estimate(spreads[index][0]).mean
                note = f"Within a pair, sd over images {spread:.3f}. {_SOURCE} {omitted}"
                deciding = (ROWS,) if order == RAW else (ROWS, UNTRAINED)
                found.append(judge(_claim(number, order, layer, name), _named(record, means[index]), deciding, note))

    outputs = record.cosine[:, record.sites.index("logits"), record.orders.index(RAW)]
    text = "Two trainings give similar outputs: cosine of logits"
    claim = Claim(STUDY, "3.3 logits", text, "“always high”", _alike(ROWS, UNTRAINED))
    found.append(judge(claim, _named(record, outputs), (ROWS, UNTRAINED), f"{_lowest(outputs)} {omitted}"))

    answers = _named(record, record.agreement) | {ACCURACY_MATCHED: record.chance_agreement}
    text = "Two trainings give the same answers, beyond what their accuracies force: share of images answered alike"
    claim = Claim(STUDY, "3.3 answers", text, "“always high”", _alike(ACCURACY_MATCHED, CLASS))
    note = f"{_lowest(record.agreement)} Mean accuracy {stats.over_seeds_estimate(record.accuracy).mean:.3f}. {omitted}"
    found.append(judge(claim, answers, (ACCURACY_MATCHED, CLASS), note))

    for layer, place in _hidden(record):
        text = f"{layer}: two trainings hold the same units, in another order: correlation of matched units"
        claim = Claim(STUDY, f"matched {layer}", text, "—", _alike(ROWS, UNTRAINED))
        note = (
            "Matched one to one on a random half of the images, scored on the other half; a unit and its mirror image "
            f"count as the same where the activation function is odd. {omitted}"
        )
        found.append(judge(claim, _named(record, record.matched[:, place]), (ROWS, UNTRAINED), note))
    for layer, place in _hidden(record):
        text = f"{layer}: two trainings hold the same features, whichever units carry them: debiased linear CKA"
        claim = Claim(STUDY, f"CKA {layer}", text, "—", _alike(ROWS, UNTRAINED))
        found.append(judge(claim, _named(record, record.cka[:, place]), (ROWS, UNTRAINED), omitted))
    return found


def _claim(number: str, order: str, layer: str, name: str) -> Claim:
    published = _PUBLISHED.get((order, layer, name), "—")
    if order == RAW:
        text = f"{layer}: unit by unit, two trainings are no more alike than chance: {name}, raw"
        rule = Rule(calibrated_score("what rows shuffled give"), -UNLIKE, UNLIKE)
    else:
        text = f"{layer}: the same values are encoded, so very likely the same features: {name}, sorted"
        rule = _alike(ROWS, UNTRAINED)
    return Claim(STUDY, f"{number} {layer} {name}", text, published, rule)


def _alike(*deciding: str) -> Rule:
    return Rule(calibrated_score(f"the higher of {' and '.join(deciding)}"), low=ALIKE)


def _activations(network: Network, images: Array, *, site: str) -> Array:
    return network(images)[1][site]


@partial(jax.jit, static_argnames=("seeds", "units"))
def _orders(key, labels: Array, *, seeds: int, units: int) -> dict[str, Array]:
    """For every network its own order of images under each condition that shuffles, "seeds examples …".

    Drawn once for all sites, since a program that draws takes long to compile. Columns: two orders a unit, "2 seeds
    examples units", for the two networks of a pair.
    """
    rows, within_class, *columns = jax.random.split(key, (4, seeds))
    images = jnp.arange(len(labels))
    table = jnp.broadcast_to(images[:, None], (len(labels), units))

    def of_every_network(keys):
        # A loop over networks: drawing for all of them at once takes many times as long to compile.
        return jax.lax.map(lambda key: controls.independent_columns(key, table), keys)

    return {
        ROWS: jax.vmap(controls.shuffled_rows, in_axes=(0, None))(rows, images),
        CLASS: jax.vmap(controls.shuffled_within_class, in_axes=(0, None, None))(within_class, images, labels),
        COLUMNS: jax.vmap(of_every_network)(jnp.stack(columns)),
    }


@jax.jit
def _conditions(trained: Array, initial: Array, orders: dict[str, Array]) -> dict[str, tuple[Array, Array]]:
    """What is compared with what under each condition."""

    def shuffled(order):
        return jnp.take_along_axis(trained, order, axis=1)

    first, second = orders[COLUMNS][..., : trained.shape[-1]]
    return {
        TRAINED: (trained, trained),
        UNTRAINED: (initial, initial),
        ROWS: (trained, shuffled(orders[ROWS][..., None])),
        CLASS: (trained, shuffled(orders[CLASS][..., None])),
        COLUMNS: (shuffled(first), shuffled(second)),
    }


@partial(jax.jit, static_argnames="sort")
def _examples(first: Array, second: Array, *, sort: bool) -> Array:
    return jnp.stack(similarity.per_example(first, second, sort=sort))


def _hidden(record: InstanceVariation) -> list[tuple[str, int]]:
    return [(site.split("/")[0], place) for place, site in enumerate(record.sites) if site != "logits"]


def _named(record: InstanceVariation, values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(record.conditions, values, strict=True))


def _lowest(values: np.ndarray) -> str:
    pairs = values[0][np.triu_indices(len(values[0]), 1)]
    return f"Lowest pair {np.min(pairs[np.isfinite(pairs)], initial=np.inf):.3f}."
