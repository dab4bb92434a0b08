"""What does a stroke, drawn or erased, do to the answer? Rows 1.1 to 1.4, and blends of images.

The write-up edited one 1 and one 7 by hand and read one network. Here every test 1 and 7 is edited, by hand-drawn
strokes and by bars cut from real 7s, and as much ink is drawn or erased elsewhere.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import counterfactuals, strokes
from jaxinterp.data import Dataset, image_shape
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.claims import Claim, Finding, Rule
from jaxinterp.studies.one_vs_seven.record import (
    MOST,
    ONE,
    SEVEN,
    STUDY,
    OneVsSeven,
    judged,
    key_of,
    laid_out,
    left_out,
    mean,
    of_class,
    share,
)
from jaxinterp.studies.subjects import Subject

FULL, TRIMMED, THREE, REAL = "full bar", "trimmed bar", "three bars", "a real 7's bar"
BAR, ROWS = "top bar removed", "rows 0–14 removed"
DRAWN, HIGH, BLANK = "bar and stem", "high bar and stem", "blank"
EDITS = ("1", FULL, TRIMMED, THREE, REAL, "7", BAR, ROWS, DRAWN, HIGH, BLANK)
BLENDS = ("a 1 into a 7", "a 1 into itself with a real bar", "a 7 into itself without its bar")
DOSES = np.linspace(0, 1, 11)
CONTROL_DRAWS = 64  # random images beside one that is drawn from nothing
AMBIGUOUS = 0.25  # a probability between this and 1 − this

# The write-up's logits of 1 and 7, of one image or one run of a noisy network.
_PUBLISHED = {
    FULL: "9.06 / 1.31",
    TRIMMED: "8.76 / 0.93",
    THREE: "10.41 / 1.72",
    BAR: "3.83 / 8.33",
    ROWS: "4.89 / 4.82",
    DRAWN: "12.54 / 7.41",
    HIGH: "13.08 / 6.42",
    BLANK: "0.97 / 0.70",
}
_TEXTS = {
    FULL: "A 1 with a bar drawn over row 5 stays a 1",
    TRIMMED: "A 1 with a bar drawn over row 5, columns 0–17, stays a 1",
    THREE: "A 1 with a bar drawn over rows 4–6, columns 0–17, stays a 1",
    REAL: "A 1 that is given the top bar of a real 7 stays a 1",
    BAR: "A real 7 without its top bar stays a 7",
    DRAWN: "A 7 drawn from nothing, with its bar in rows 4–6, is read as a 1",
    HIGH: "A 7 drawn from nothing, with its bar from row 1 on, is read as a 1",
}
# Above 0 a 1 is the likelier of the two.
_SIGNED = Rule("the probability of a 1 between the two logits, from −1, surely a 7, to 1, surely a 1", low=0.0)

Images = Float[Array | np.ndarray, "examples pixels"]


class Triple(NamedTuple):
    """Images before an edit, after it, and after its control; None where there was nothing, NaN without a control."""

    before: Images | None
    after: Float[Array | np.ndarray, "examples pixels"]
    control: Float[Array | np.ndarray, "examples_other pixels"]


class Edited(NamedTuple):
    """What a network says of edited images, the mean over them."""

    logits: Float[Array, "*edits classes"]
    as_one: Float[Array, "*edits"]
    probability: Float[Array, "*edits"]
    ambiguous: Float[Array, "*edits"]


def measure(subjects: Mapping[str, Subject], seeds: int) -> dict[str, Any]:
    """The record's fields of rows 1.1 to 1.4."""
    subject = subjects[STUDY]
    networks, test = subject.run.networks, subject.splits.test
    edit_key, blend_key = jax.random.split(key_of(subjects, 0))
    edits = make_edits(edit_key, test)
    edited, beside = jax.jit(over_seeds(read_edits, chunk=1))(networks, edits)
    # A blank image has no ink to move elsewhere: it is shown to the networks before training instead.
    untrained = jax.jit(over_seeds(read))(subject.untrained(), edits[BLANK].after)
    beside = jax.tree.map(lambda all_, one: all_.at[:, EDITS.index(BLANK)].set(one), beside, untrained)
    edited, beside = laid_out(subject, seeds, edited), laid_out(subject, seeds, beside)
    blends = jax.jit(over_seeds(blended, chunk=1))(networks, make_blends(blend_key, edits))
    return {
        "edits": EDITS,
        **{f"edit_{name}": getattr(edited, name) for name in ("logits", "as_one", "probability", "ambiguous")},
        **{f"control_{name}": getattr(beside, name) for name in ("logits", "as_one", "probability", "ambiguous")},
        "edited_images": np.array([len(edits[name].after) for name in EDITS]),
        "pictures": np.stack([np.asarray(edits[name].after[0], np.float64) for name in EDITS]),
        "control_pictures": np.stack([np.asarray(edits[name].control[0], np.float64) for name in EDITS]),
        "blends": BLENDS,
        "doses": DOSES,
        "blend_as_seven": laid_out(subject, seeds, blends),
    }


def make_edits(key, test: Dataset) -> dict[str, Triple]:
    """Every edit's images, in the order of EDITS."""
    ones, sevens = of_class(test, ONE), of_class(test, SEVEN)
    side = image_shape(ones.shape[-1])[0]
    bars = np.asarray(jax.jit(strokes.top_bars)(sevens))
    barred = bars.any(axis=1)
    transplant_key, *keys = jax.random.split(key, 1 + len(EDITS))
    drawn = {
        FULL: strokes.rows(side, 5, 5),
        TRIMMED: strokes.rows(side, 5, 5, columns=(0, 17)),
        THREE: strokes.rows(side, 4, 6, columns=(0, 17)),
    }
    stem = strokes.rows(side, 4, 24, columns=(12, 16))
    figures = {
        DRAWN: strokes.rows(side, 4, 6, columns=(0, 16)) | stem,
        HIGH: strokes.rows(side, 1, 6, columns=(0, 16)) | stem,
    }
    after_one = {name: np.where(mask, np.float32(1), ones) for name, mask in drawn.items()}
    after_one[REAL] = np.asarray(jax.jit(strokes.transplant)(transplant_key, sevens, bars, ones))
    erased = {
        BAR: (sevens[barred], bars[barred]),
        ROWS: (sevens, np.broadcast_to(strokes.rows(side, 0, 14), sevens.shape)),
    }
    nothing, unknown = np.zeros_like(ones[:1]), np.full_like(ones[:1], np.nan)
    draw, wipe = jax.jit(strokes.draw_equal_ink), jax.jit(strokes.erase_equal_ink)
    edits = {}
    for name, own in zip(EDITS, keys, strict=True):
        if name in after_one:
            edits[name] = Triple(ones, after_one[name], np.asarray(draw(own, ones, after_one[name])))
        elif name in erased:
            images, masks = erased[name]
            edits[name] = Triple(images, np.where(masks, 0, images), np.asarray(wipe(own, images, masks)))
        elif name in figures:
            picture = figures[name][None].astype(np.float32)
            many = (np.repeat(image, CONTROL_DRAWS, axis=0) for image in (nothing, picture))
            edits[name] = Triple(None, picture, np.asarray(draw(own, *many)))
        else:
            edits[name] = Triple(None, {"1": ones, "7": sevens, BLANK: nothing}[name], unknown)
    return edits


def read_edits(network: Network, edits: dict[str, Triple]) -> tuple[Edited, Edited]:
    """What a network says of every edit's images, and of its control's: leaves lead with an edits axis."""

    def table(read_one):
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *[read_one(name, edits[name]) for name in EDITS])

    label = {name: SEVEN if name in (BAR, ROWS) else ONE for name in EDITS}
    return (
        table(lambda name, edit: read(network, edit.after, edit.before, label=label[name])),
        table(lambda name, edit: read(network, edit.control, edit.before, label=label[name])),
    )


def read(network: Network, after: Images, before: Images | None = None, *, label: int = ONE) -> Edited:
    """What a network says of images; as_one is over those read as `label` before the edit, if there was one."""
    logits = network(after)[0]
    now = counterfactuals.reading(logits, ONE, SEVEN)
    right = jnp.ones(after.shape[0], bool)
    if before is not None:
        margin = counterfactuals.read(network, before, ONE, SEVEN).margin
        right = margin > 0 if label == ONE else margin < 0
    unknown = jnp.any(jnp.isnan(now.margin))
    both = jnp.stack([now.first, now.second], axis=-1)
    unsure = jnp.abs(now.probability - 0.5) < 0.5 - AMBIGUOUS
    return Edited(
        logits=jnp.mean(both, axis=0),
        as_one=jnp.where(unknown, jnp.nan, share(now.margin > 0, right)),
        probability=jnp.mean(now.probability),
        ambiguous=jnp.where(unknown, jnp.nan, jnp.mean(unsure.astype(both.dtype))),
    )


def make_blends(key, edits: dict[str, Triple]) -> Float[np.ndarray, "blends doses examples pixels"]:
    """Pictures on the way from one image to another, as many of each kind as there are images of the rarest."""
    pairs = (
        (edits["1"].after, jax.random.permutation(key, edits["7"].after)),
        (edits["1"].after, edits[REAL].after),
        (np.asarray(edits[BAR].before), edits[BAR].after),
    )
    count = min(len(first) for first, _ in pairs)
    mixed = [jax.vmap(partial(strokes.blend, a[:count], b[:count]))(DOSES.astype(np.float32)) for a, b in pairs]
    return np.stack([np.asarray(part) for part in mixed])


def blended(network: Network, blends: Float[Array, "blends doses examples pixels"]) -> Float[Array, "blends doses"]:
    """Share of the blended images that is read as a 7."""
    flat = blends.reshape(-1, *blends.shape[2:])
    found = jax.lax.map(lambda images: jnp.mean(counterfactuals.read(network, images, SEVEN, ONE).margin > 0), flat)
    return found.reshape(blends.shape[:2])


def findings(record: OneVsSeven) -> list[Finding]:
    """Rows 1.1 to 1.4 judged."""
    stays = "the share of the images, read rightly before the edit, that keep their answer"
    found = []
    for row, names in (("1.1", (FULL, TRIMMED, THREE, REAL)), ("1.3", (BAR,))):
        for name in names:
            place = record.edits.index(name)
            kept, control = record.edit_as_one[place], record.control_as_one[place]
            if row == "1.3":
                kept, control = 1 - kept, 1 - control
            claim = Claim(STUDY, f"{row} {name}", _TEXTS[name], published(name), Rule(stays, low=MOST))
            beside = f"as much ink {'erased' if row == '1.3' else 'drawn'} elsewhere"
            found.append(judged(claim, kept, control, beside, kept, note=_note(record, name)))
    for name in (DRAWN, HIGH):
        place = record.edits.index(name)
        probability, control = record.edit_probability[place], record.control_probability[place]
        claim = Claim(STUDY, f"1.2 {name}", _TEXTS[name], published(name), _SIGNED)
        note = _note(record, name)
        found.append(
            judged(claim, probability, control, "as much ink in random places", 2 * probability - 1, note=note)
        )
    blank, untrained = (
        part[record.edits.index(BLANK)] for part in (record.edit_probability, record.control_probability)
    )
    claim = Claim(STUDY, "1.4 blank", "The blank image reads as a 1", published(BLANK), _SIGNED)
    found.append(judged(claim, blank, untrained, "untrained networks", 2 * blank - 1, note=_note(record, BLANK)))
    text = "1 is the default: ink in random places, as much as of a drawn 7, reads as a 1"
    scattered = record.control_probability[record.edits.index(DRAWN)]
    claim = Claim(STUDY, "1.4 default", text, "hypothesis: “1 is the default, 7 is something special”", _SIGNED)
    note = f"{CONTROL_DRAWS} random images. {left_out(record)}"
    found.append(judged(claim, scattered, blank, "blank image", 2 * scattered - 1, note=note))
    return sorted(found, key=lambda finding: finding.claim.id.split()[0])


def published(name: str) -> str:
    """The write-up's figures of an edit, and what they are of."""
    return f"logits of 1 and 7: {_PUBLISHED[name]}" if name in _PUBLISHED else "—"


def _note(record: OneVsSeven, name: str) -> str:
    """Mean logits beside the published ones, of how many images, and how many networks read most of them as a 1."""
    place = record.edits.index(name)
    logits, control = (
        " / ".join(mean(values, 2) for values in part[place]) for part in (record.edit_logits, record.control_logits)
    )
    as_one = record.edit_as_one[place]
    known = np.isfinite(as_one)
    return (
        f"Mean logits (1 / 7) {logits}, of the control {control}. Images: {int(record.edited_images[place])}. Networks "
        f"that read most of them as a 1: {int(np.sum(as_one[known] > MOST))} of {int(known.sum())}. {left_out(record)}"
    )
