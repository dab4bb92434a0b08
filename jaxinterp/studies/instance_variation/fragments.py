"""What do parts of a digit do by themselves? Row 3.7: connected strokes of a digit, shown alone.

Digits are cut into connected strokes, and each is shown alone, somewhere else, and as scattered ink.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jaxinterp import controls, metrics
from jaxinterp.analysis import correlation, fragments
from jaxinterp.analysis import strokes as ink
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation.ensembles import ALIKE, EXAMPLES, NAME, first_images
from jaxinterp.studies.judge import Calibrated, Claim, above
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

FRAGMENTS, DIGITS = "fragments", "digits"
PARTS = 3
ALONE, MOVED, SCATTERED = KINDS = ("alone", "moved elsewhere", "as scattered ink")
ELSEWHERE, ANOTHER, IN_DIGIT, IN_OTHER = LINKS = (
    "moved elsewhere",
    "another one moved elsewhere",
    "added to its digit",
    "added to another image of the digit",
)

MOST = 0.5  # more often than not


class Shown(NamedTuple):
    """Fragments of every digit, by KINDS; known: those with any ink."""

    images: Float[Array, "kinds parts examples pixels"]
    known: Bool[Array, "parts examples"]


class Cut(NamedTuple):
    """Digits, the part that each pixel is in, and the parts shown; key: for what each network is shown."""

    data: Dataset
    parts: Int[Array, "examples pixels"]
    shown: Shown
    key: Key[Array, ""]


class Effects(NamedTuple):
    """What fragments do to one network's logits, compared with the blank image.

    own: share of fragments that raise their own digit's logit most. moves: of each logit, mean over the fragments of a
    digit. linked: correlation over logits of what a fragment does alone with what it does otherwise, mean over
    fragments. by_part: moves by the fragments of the first image of each digit.
    """

    own: Float[Array, " kinds"]
    moves: Float[Array, "kinds digits outputs"]
    linked: Float[Array, " links"]
    by_part: Float[Array, "digits parts outputs"]


class Digits(NamedTuple):
    """The first image of each digit, and the part that each of its pixels is in."""

    images: Float[np.ndarray, "digits pixels"]
    parts: Float[np.ndarray, "digits pixels"]


def cut(inputs: Inputs) -> Cut:
    """The study's images cut into strokes."""
    _, key = jax.random.split(inputs.key(1))
    show_key, effect_key = jax.random.split(key)
    data = first_images(inputs)
    parts = jax.jit(fragments.cut, static_argnames="count")(data.images, count=PARTS)
    return Cut(data, parts, jax.jit(show)(show_key, data.images, parts), effect_key)


def show(key, images: Float[Array, "examples pixels"], parts: Int[Array, "examples pixels"]) -> Shown:
    """Every fragment alone, somewhere else, and as the same amount of white ink spread over other pixels."""
    alone = fragments.alone(images, parts, count=PARTS)
    flat = alone.reshape(-1, images.shape[-1])
    move_key, spread_key = jax.random.split(key)
    moved = fragments.elsewhere(move_key, flat)
    scattered = ink.draw_equal_ink(spread_key, jnp.zeros_like(flat), flat)
    shown = jnp.stack([flat, moved, scattered]).reshape(len(KINDS), *alone.shape)
    return Shown(shown, jnp.any(alone > 0, axis=-1))


def effects(network: Network, data: Dataset, shown: Shown, key, examples: Int[Array, " digits"]) -> Effects:
    """What fragments do to the logits; examples: the images whose fragments are reported one by one."""
    labels, outputs = jnp.asarray(data.labels), network.model.outputs
    alone, added = fragments.moves(network, data.images, shown.images[0])
    blank = network(jnp.zeros(shown.images.shape[-1]))[0]
    moves = jnp.stack([alone, *(network(images)[0] - blank for images in shown.images[1:])])
    raised = metrics.predictions("cross_entropy", moves) == labels
    raised = jnp.where(jnp.isfinite(moves).all(axis=-1), raised, jnp.nan)
    rows, within = jax.random.split(key)
    another = jnp.swapaxes(controls.shuffled_rows(rows, jnp.swapaxes(moves[1], 0, 1)), 0, 1)
    in_other = jnp.swapaxes(controls.shuffled_within_class(within, jnp.swapaxes(added, 0, 1), labels), 0, 1)
    linked = [correlation.rowwise(alone, other) for other in (moves[1], another, added, in_other)]
    members = (labels == jnp.arange(outputs)[:, None])[:, None] & shown.known  # digits parts examples
    count = jnp.sum(members, axis=(1, 2))
    total = jnp.einsum("spec,dpe->sdc", moves, members.astype(moves.dtype), precision=jax.lax.Precision.HIGHEST)
    return Effects(
        own=jnp.mean(raised, axis=(1, 2), where=shown.known),
        moves=total / jnp.where(count > 0, count, jnp.nan)[:, None],
        linked=jnp.stack([jnp.nanmean(jnp.where(shown.known, values, jnp.nan)) for values in linked]),
        by_part=jnp.swapaxes(alone[:, examples], 0, 1),
    )


def digits(inputs: Mapping[str, Inputs]) -> Digits:
    """What the figure of fragments shows."""
    run = inputs[NAME]
    data, parts, *_ = run.once(cut)
    first = _first_of_each(data.labels, run.model.outputs)
    return Digits(np.asarray(data.images)[first], np.asarray(parts)[first].astype(float))


def claims(results: Results) -> list[Claim]:
    """Row 3.7."""
    return [
        _own(results),
        _link(results, "shape", "A stroke moves the same logits wherever it is", ELSEWHERE, ANOTHER),
        _link(results, "context", "A stroke does alone what it does in its digit", IN_DIGIT, IN_OTHER),
    ]


def _own(results: Results) -> Claim:
    effects = results[FRAGMENTS]
    own = effects.own.sel(conditions=TRAINED)
    return Claim(
        row="3.7",
        name="own",
        text="A connected stroke of a digit, shown alone, raises that digit's logit more than any other",
        measured=own.sel(kinds=ALONE),
        controls={MOVED: own.sel(kinds=MOVED)},
        shown={SCATTERED: own.sel(kinds=SCATTERED)},
        score=Calibrated(),
        rule=above(MOST),
        quantity="the share of strokes that do",
        published="sketched",
        note=f"{PARTS} strokes per digit, of the first {EXAMPLES} test images at most; compared with the logits of the "
        f"blank image. Elsewhere: at a random place where the stroke is whole. By chance "
        f"{format_number(1 / effects.sizes['outputs'])}.",
    )


def _link(results: Results, name: str, text: str, link: str, chance: str) -> Claim:
    linked = results[FRAGMENTS].linked
    trained, untrained = (linked.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    return Claim(
        row="3.7",
        name=name,
        text=f"{text}: correlation over classes of what a fragment does to the logits alone and {link}",
        measured=trained.sel(links=link),
        controls={chance: trained.sel(links=chance)},
        shown={f"{link}, {UNTRAINED}": untrained.sel(links=link)},
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="the correlation",
        published="sketched",
        note="Mean over fragments.",
    )


def _first_of_each(labels: Array | np.ndarray, outputs: int) -> Int[np.ndarray, " digits"]:
    """The first image of each class; of one that has none, the first image of all."""
    return np.array([np.argmax(np.asarray(labels) == digit) for digit in range(outputs)])


def _shared(inputs: Inputs) -> tuple:
    data, _, shown, key = inputs.once(cut)
    return data, shown, key, _first_of_each(data.labels, inputs.model.outputs)


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"kinds": KINDS, "links": LINKS}


MEASUREMENTS = (
    Measurement(FRAGMENTS, effects, _shared, _coords, conditions=(UNTRAINED, TRAINED), chunk=1),
    EnsembleMeasurement(DIGITS, digits),
)
