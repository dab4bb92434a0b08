"""What do parts of a digit do by themselves, and is it the stroke or its place that units encode? Rows 3.7 and 3.8.

Digits are cut into connected strokes, each shown alone, elsewhere, and as scattered ink. Then the same strokes are
shown in every place: drawn ones, with nothing else in the image, and parts of real digits.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import controls, metrics, stats
from jaxinterp.analysis import fragments
from jaxinterp.analysis import strokes as ink
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.claims import Claim, Finding, Rule, judged
from jaxinterp.studies.instance_variation.record import (
    EXAMPLES,
    STUDY,
    TRAINED,
    UNTRAINED,
    InstanceVariation,
    layers_of,
    left_out,
)
from jaxinterp.studies.subjects import Subject, blanked

PARTS = 3
ALONE, MOVED, SCATTERED = SHOWINGS = ("alone", "moved elsewhere", "as scattered ink")
ELSEWHERE, ANOTHER, IN_DIGIT, IN_OTHER = LINKS = (
    "moved elsewhere",
    "another one moved elsewhere",
    "added to its digit",
    "added to another image of the digit",
)
STAGES = (TRAINED, UNTRAINED)
DRAWN, REAL = SOURCES = ("drawn strokes", "parts of digits")
SETS = 8

MOST = 0.5  # more often than not
ALIKE = 0.5  # half of what the control leaves open


class Shown(NamedTuple):
    """Fragments of every digit, and the same elsewhere and as scattered ink; known: those with any ink."""

    images: Float[Array, "showings parts examples pixels"]
    known: Bool[Array, "parts examples"]


class Effects(NamedTuple):
    """What fragments do to one network's logits; see the record."""

    own: Float[Array, " showings"]
    moves: Float[Array, "showings digits outputs"]
    linked: Float[Array, " links"]
    by_part: Float[Array, "digits parts outputs"]


def measure(subjects: Mapping[str, Subject], omitted: np.ndarray, key) -> dict[str, Any]:
    """The record's fields of rows 3.7 and 3.8."""
    subject = subjects[STUDY]
    config, networks, untrained = subject.run.config.train, subject.run.networks, subject.untrained()
    test = subject.splits.test
    data = Dataset(jnp.asarray(test.images[:EXAMPLES]), jnp.asarray(test.labels[:EXAMPLES]))
    show_key, effect_key = jax.random.split(key)
    parts = jax.jit(fragments.cut, static_argnames="count")(data.images, count=PARTS)
    shown = jax.jit(show)(show_key, data.images, parts)
    examples = _first_of_each(data.labels, networks.model.outputs)
    run = jax.jit(over_seeds(effects, chunk=1))
    found = [blanked(run(each, data, shown, effect_key, examples)._asdict(), omitted) for each in (networks, untrained)]
    tables = {DRAWN: fragments.drawn(config.base_seed, sets=SETS), REAL: _real(shown, config.base_seed)}
    encode = jax.jit(over_seeds(encodings, chunk=1))
    encoded = [[blanked(encode(each, table), omitted) for each in (networks, untrained)] for table in tables.values()]
    pixels = [fragments.encoding(table, np.zeros(table.shape[-1], np.float32)) for table in tables.values()]
    return {
        "showings": SHOWINGS,
        "own_logit": found[0]["own"].T,
        "digit_moves": _mean(found[0]["moves"]),
        "links": LINKS,
        "stages": STAGES,
        "linked": np.stack([each["linked"].T for each in found], axis=1),
        "example_images": np.asarray(data.images[examples]),
        "example_parts": np.asarray(parts[examples]),
        "example_moves": _mean(found[0]["by_part"]),
        "sources": SOURCES,
        "shapes": fragments.SHAPES,
        "causes": fragments.Encoding._fields,
        "encoding": np.moveaxis(np.array(encoded), 2, -1),
        "pixel_encoding": np.array(pixels, np.float64),
        "strokes": np.stack([np.asarray(table)[0, :, fragments.PLACES // 2] for table in tables.values()]),
    }


def show(key, images: Float[Array, "examples pixels"], parts: Int[Array, "examples pixels"]) -> Shown:
    """Every fragment alone, somewhere else, and as much white ink spread over pixels that it leaves dark."""
    alone = fragments.alone(images, parts, count=PARTS)
    flat = alone.reshape(-1, images.shape[-1])
    move_key, spread_key = jax.random.split(key)
    moved = fragments.elsewhere(move_key, flat)
    scattered = ink.draw_equal_ink(spread_key, jnp.zeros_like(flat), flat)
    shown = jnp.stack([flat, moved, scattered]).reshape(len(SHOWINGS), *alone.shape)
    return Shown(shown, jnp.any(alone > 0, axis=-1))


def effects(network: Network, data: Dataset, shown: Shown, key, examples: Int[Array, " digits"]) -> Effects:
    """What fragments do to the logits."""
    labels, outputs = jnp.asarray(data.labels), network.model.outputs
    found = fragments.moves(network, data.images, shown.images[0])
    others = [network(images)[0] - network(jnp.zeros(images.shape[-1]))[0] for images in shown.images[1:]]
    moves = jnp.stack([found.alone, *others])  # showings parts examples outputs
    raised = metrics.predictions("cross_entropy", moves) == labels
    rows, within = jax.random.split(key)
    another = jnp.swapaxes(controls.shuffled_rows(rows, jnp.swapaxes(moves[1], 0, 1)), 0, 1)
    in_other = jnp.swapaxes(controls.shuffled_within_class(within, jnp.swapaxes(found.added, 0, 1), labels), 0, 1)
    known = shown.known
    linked = [_correlation(found.alone, other) for other in (moves[1], another, found.added, in_other)]
    members = (labels == jnp.arange(outputs)[:, None])[:, None] & known  # digits parts examples
    count = jnp.sum(members, axis=(1, 2))
    total = jnp.einsum("spec,dpe->sdc", moves, members.astype(moves.dtype), precision=jax.lax.Precision.HIGHEST)
    return Effects(
        own=jnp.mean(raised, axis=(1, 2), where=known),
        moves=total / jnp.where(count > 0, count, jnp.nan)[:, None],
        linked=jnp.stack([jnp.nanmean(jnp.where(known, values, jnp.nan)) for values in linked]),
        by_part=jnp.swapaxes(found.alone[:, examples], 0, 1),
    )


def encodings(
    network: Network, table: Float[Array | np.ndarray, "sets shapes places pixels"]
) -> Float[Array, "layers causes"]:
    """What each layer's answers to a table of strokes are due to."""
    answers, blank = network(table)[1], network(jnp.zeros(table.shape[-1]))[1]
    sites = ["logits" if layer == "logits" else f"{layer}/post" for layer in layers_of(network.model)]
    return jnp.stack([jnp.stack(fragments.encoding(answers[site], blank[site])) for site in sites])


def findings(record: InstanceVariation) -> list[Finding]:
    """Rows 3.7 and 3.8 judged."""
    hidden = [(layer, place) for place, layer in enumerate(record.layers) if layer != "logits"]
    return [
        _own(record),
        _link(record, "3.7 shape", "A stroke moves the same logits wherever it is", ELSEWHERE, ANOTHER),
        _link(record, "3.7 context", "A stroke does alone what it does in its digit", IN_DIGIT, IN_OTHER),
        *(_lights(record, layer, place, source) for layer, place in hidden for source in SOURCES),
        *(_learned(record, layer, place) for layer, place in hidden),
    ]


def _own(record: InstanceVariation) -> Finding:
    alone, moved, scattered = record.own_logit
    rule = Rule("the share that does, 0 for fragments moved elsewhere and 1 for all; at most ±1", low=MOST)
    text = "A connected stroke of a digit, shown alone, raises that digit's logit more than any other: share that does"
    note = (
        f"{PARTS} strokes a digit, of the first {EXAMPLES} test images at most; against the logits of the blank image. "
        f"Elsewhere: at a random place where the stroke is whole. By chance {1 / record.digit_moves.shape[-1]:.2f}. "
        f"{left_out(record)}"
    )
    score = np.clip(stats.calibrated(alone, moved), -1, 1)
    others = {SCATTERED: scattered}
    return judged(Claim(STUDY, "3.7 own", text, "sketched", rule), alone, moved, MOVED, score, others=others, note=note)


def _link(record: InstanceVariation, name: str, text: str, link: str, chance: str) -> Finding:
    values = dict(zip(record.links, record.linked, strict=True))
    (own, before), (control, _) = values[link], values[chance]
    rule = Rule(f"that correlation, 0 for {chance} and 1 for identity; at most ±1", low=ALIKE)
    text = f"{text}: correlation over classes of what a fragment does to the logits alone and {link}"
    note = f"Mean over fragments. {left_out(record)}"
    score = np.clip(stats.calibrated(own, control), -1, 1)
    return judged(
        Claim(STUDY, name, text, "sketched", rule),
        own,
        control,
        chance,
        score,
        others={f"{link}, {UNTRAINED}": before},
        note=note,
    )


def _lights(record: InstanceVariation, layer: str, place: int, source: str) -> Finding:
    shared, before = (_caused(record, source, stage, place) for stage in STAGES)
    text = f"{layer}: fragments that mean the same light the same sub-network: {source}, the same one in two places"
    rule = Rule("share of lit units in common, less that of two different ones in the same place", low=0.0)
    note = (
        f"Lit: the quarter of the units that change most against the blank image. {fragments.PLACES} places. "
        f"{left_out(record)}"
    )
    control = "different ones in the same place"
    others = {
        "different ones in two places": shared["neither"],
        f"{UNTRAINED}": before["same_shape"],
        f"{control}, {UNTRAINED}": before["same_place"],
    }
    claim = Claim(STUDY, f"3.8 {layer} {source}", text, "wanted; expected: location, not concept", rule)
    own, other = shared["same_shape"], shared["same_place"]
    return judged(claim, own, other, control, own - other, others=others, note=note)


def _learned(record: InstanceVariation, layer: str, place: int) -> Finding:
    trained, before = (_caused(record, DRAWN, stage, place) for stage in STAGES)
    text = (
        f"{layer}: training makes units answer to a stroke wherever it is: share of the variance that strokes explain"
    )
    rule = Rule("that share, less what it was before training", low=0.0)
    pixels = dict(zip(record.causes, record.pixel_encoding[record.sources.index(DRAWN)], strict=True))
    shapes, places = len(record.shapes), fragments.PLACES
    note = (
        f"Main effect in a two-way analysis of variance, of {shapes} drawn strokes × {places} places; by chance "
        f"{(shapes - 1) / (shapes * places - 1):.2f}. Of the pixels themselves strokes explain {pixels['shape']:.2f} "
        f"and places {pixels['place']:.2f}. {left_out(record)}"
    )
    others = {"places explain": trained["place"], f"places explain, {UNTRAINED}": before["place"]}
    claim = Claim(STUDY, f"3.8 {layer} learned", text, "—", rule)
    own, control = trained["shape"], before["shape"]
    return judged(claim, own, control, UNTRAINED, own - control, others=others, note=note)


def _caused(record: InstanceVariation, source: str, stage: str, layer: int) -> dict[str, np.ndarray]:
    values = record.encoding[record.sources.index(source), record.stages.index(stage), layer]
    return dict(zip(record.causes, values, strict=True))


def _real(shown: Shown, seed: int) -> Float[Array, "sets shapes places pixels"]:
    """Parts of digits drawn at random, of those that stay whole in every place; black where there are too few."""
    alone = np.asarray(shown.images[0]).reshape(-1, shown.images.shape[-1])
    fitting = np.flatnonzero(np.asarray(jax.jit(fragments.fits)(alone)))
    wanted = SETS * len(fragments.SHAPES)
    order = np.random.default_rng(seed).permutation(fitting)[:wanted]
    chosen = np.zeros((wanted, alone.shape[-1]), np.float32)
    chosen[: len(order)] = alone[order]
    placed = jax.jit(fragments.in_every_place)(chosen)
    return jnp.moveaxis(placed.reshape(fragments.PLACES, SETS, len(fragments.SHAPES), -1), 0, 2)


def _first_of_each(labels: Array | np.ndarray, outputs: int) -> Int[np.ndarray, " digits"]:
    """The first image of each class; of one that has none, the first image of all."""
    return np.array([np.argmax(np.asarray(labels) == digit) for digit in range(outputs)])


def _correlation(first: Array, second: Array) -> Array:
    """Pearson's, over the last axis; NaN where one is constant."""
    first, second = (x - jnp.mean(x, axis=-1, keepdims=True) for x in (first, second))
    size = jnp.linalg.norm(first, axis=-1) * jnp.linalg.norm(second, axis=-1)
    return jnp.sum(first * second, axis=-1) / jnp.where(size > 0, size, jnp.nan)


def _mean(values: Float[np.ndarray, "seeds ..."]) -> Float[np.ndarray, "..."]:
    """Over networks that are not left out."""
    known = values[np.isfinite(values.reshape(len(values), -1)).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(values.shape[1:], np.nan)
