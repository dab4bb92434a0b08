"""What does a stroke, drawn or erased, do to the logits? Rows 1.1 to 1.4, rows 0–14 of 1.5, and blends of images.

The write-up edited one 1 and one 7 by hand and read one network. Here every test 1 and 7 is edited, by hand-drawn
strokes and by bars cut from real 7s. The control is as much ink drawn or erased elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import counterfactuals, strokes
from jaxinterp.data import Dataset, image_shape
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import NO_CONTROL, Claim, above
from jaxinterp.studies.one_vs_seven.common import CLASSES, MOST, NAME, ONE, SEVEN, labelled, of_class
from jaxinterp.studies.scores import Given
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import mean

EDITED, CONTROL = VERSIONS = ("edited", "control")
FULL, TRIMMED, THREE, REAL = "full bar", "trimmed bar", "three bars", "a real 7's bar"
BAR, ROWS = "top bar removed", "rows 0–14 removed"
DRAWN, HIGH, BLANK = "bar and stem", "high bar and stem", "blank"
EDITS = ("1", FULL, TRIMMED, THREE, REAL, "7", BAR, ROWS, DRAWN, HIGH, BLANK)
BLENDS = ("a 1 into a 7", "a 1 into itself with a real bar", "a 7 into itself without its bar")
DOSES = np.linspace(0, 1, 11)
CONTROL_DRAWS = 64  # random images for one that is drawn from scratch
AMBIGUOUS = 0.25  # a probability between this and 1 − this

# What is said of each edit, and the write-up's logits of 1 and 7, of one image or one run of a noisy network.
_SAID = {
    FULL: ("A 1 with a bar drawn over row 5 stays a 1", "9.06 / 1.31"),
    TRIMMED: ("A 1 with a bar drawn over row 5, columns 0–17, stays a 1", "8.76 / 0.93"),
    THREE: ("A 1 with a bar drawn over rows 4–6, columns 0–17, stays a 1", "10.41 / 1.72"),
    REAL: ("A 1 that is given the top bar of a real 7 stays a 1", None),
    BAR: ("A real 7 without its top bar stays a 7", "3.83 / 8.33"),
    ROWS: ("A 7 without its rows 0–14 is ambiguous", "4.89 / 4.82"),
    DRAWN: ("A 7 drawn from scratch, with its bar in rows 4–6, is read as a 1", "12.54 / 7.41"),
    HIGH: ("A 7 drawn from scratch, with its bar from row 1 on, is read as a 1", "13.08 / 6.42"),
    BLANK: ("The blank image is read as a 1", "0.97 / 0.70"),
}
# Above 0 a 1 is the likelier of the two.
_SIGNED = "the probability of a 1 between the two logits, from −1, surely a 7, to 1, surely a 1"

Images = Float[Array | np.ndarray, "examples pixels"]


class Edit(NamedTuple):
    """Images before an edit, after it, and after its control; None where there was none, NaN without a control."""

    before: Images | None
    edited: Images
    control: Float[Array | np.ndarray, "examples_other pixels"]


class Reading(NamedTuple):
    """How a network reads images: mean logits and probability of a 1, and shares of the images.

    as_one: read as a 1, of those that were read rightly before the edit. ambiguous: a probability from ¼ to ¾.
    """

    logits: Float[Array, " classes"]
    as_one: Float[Array, ""]
    probability: Float[Array, ""]
    ambiguous: Float[Array, ""]


class Readings(NamedTuple):
    """The same of every edit, and of its control."""

    logits: Float[Array, "versions edits classes"]
    as_one: Float[Array, "versions edits"]
    probability: Float[Array, "versions edits"]
    ambiguous: Float[Array, "versions edits"]


class Pictures(NamedTuple):
    """The first image of every edit, and how many there are."""

    image: Float[np.ndarray, "versions edits pixels"]
    number: Float[np.ndarray, " edits"]


class Blends(NamedTuple):
    """Share of the blended images that is read as a 7."""

    as_seven: Float[Array, "blends doses"]


def edited(inputs: Inputs) -> dict[str, Edit]:
    """Every edit of a run's test images."""
    return make_edits(jax.random.split(inputs.key(0))[0], inputs.test)


def make_edits(key, test: Dataset) -> dict[str, Edit]:
    """Every edit's images, in the order of EDITS."""
    ones, sevens = of_class(test, ONE), of_class(test, SEVEN)
    bars = np.asarray(jax.jit(strokes.top_bars)(sevens))
    barred = bars.any(axis=1)
    transplant_key, *keys = jax.random.split(key, 1 + len(EDITS))
    own_key = dict(zip(EDITS, keys, strict=True))
    draw, erase = jax.jit(strokes.draw_equal_ink), jax.jit(strokes.erase_equal_ink)
    rows = partial(strokes.rows, image_shape(ones.shape[-1])[0])
    stem = rows(4, 24, columns=(12, 16))

    def as_it_is(images) -> Edit:
        return Edit(None, images, np.full_like(images[:1], np.nan))

    def drawn(name, images, after) -> Edit:
        return Edit(images, after, np.asarray(draw(own_key[name], images, after)))

    def with_stroke(name, *lines, **columns) -> Edit:
        return drawn(name, ones, np.where(rows(*lines, **columns), np.float32(1), ones))

    def from_scratch(name, mask) -> Edit:
        many = np.repeat(mask[None].astype(np.float32), CONTROL_DRAWS, axis=0)
        return drawn(name, np.zeros_like(many), many)._replace(before=None, edited=many[:1])

    def erased(name, images, masks) -> Edit:
        return Edit(images, np.where(masks, 0, images), np.asarray(erase(own_key[name], images, masks)))

    return {
        "1": as_it_is(ones),
        FULL: with_stroke(FULL, 5, 5),
        TRIMMED: with_stroke(TRIMMED, 5, 5, columns=(0, 17)),
        THREE: with_stroke(THREE, 4, 6, columns=(0, 17)),
        REAL: drawn(REAL, ones, np.asarray(jax.jit(strokes.transplant)(transplant_key, sevens, bars, ones))),
        "7": as_it_is(sevens),
        BAR: erased(BAR, sevens[barred], bars[barred]),
        ROWS: erased(ROWS, sevens, np.broadcast_to(rows(0, 14), sevens.shape)),
        DRAWN: from_scratch(DRAWN, rows(4, 6, columns=(0, 16)) | stem),
        HIGH: from_scratch(HIGH, rows(1, 6, columns=(0, 16)) | stem),
        BLANK: as_it_is(np.zeros_like(ones[:1])),
    }


def read_edits(network: Network, edits: dict[str, Edit]) -> Readings:
    """How a network reads every edit's images, and those of its control."""

    def version(name) -> Reading:
        every = ((edits[edit], SEVEN if edit in (BAR, ROWS) else ONE) for edit in EDITS)
        return stack(read(network, getattr(edit, name), edit.before, label=label) for edit, label in every)

    return Readings(*stack(map(version, VERSIONS)))


def read(network: Network, images: Images, before: Images | None = None, *, label: int = ONE) -> Reading:
    """How a network reads images; as_one is over those read as `label` before the edit, if there was one."""
    now = counterfactuals.read(network, images, ONE, SEVEN)
    right = jnp.ones(images.shape[0], bool)
    if before is not None:
        margin = counterfactuals.read(network, before, ONE, SEVEN).margin
        right = margin > 0 if label == ONE else margin < 0
    unknown = jnp.any(jnp.isnan(now.margin))
    unsure = jnp.abs(now.probability - 0.5) < 0.5 - AMBIGUOUS
    return Reading(
        logits=jnp.stack([jnp.mean(now.first), jnp.mean(now.second)]),
        as_one=jnp.where(unknown, jnp.nan, jnp.mean(now.margin > 0, where=right)),
        probability=jnp.mean(now.probability),
        ambiguous=jnp.where(unknown, jnp.nan, jnp.mean(unsure)),
    )


def pictures(inputs: Mapping[str, Inputs]) -> Pictures:
    """One image of every edit, and of its control."""
    edits = inputs[NAME].once(edited)
    image = [[getattr(edits[name], version)[0] for name in EDITS] for version in VERSIONS]
    return Pictures(np.array(image), np.array([len(edits[name].edited) for name in EDITS], float))


def make_blends(inputs: Inputs) -> Float[np.ndarray, "blends doses examples pixels"]:
    """Pictures on the way from one image to another, as many of each kind as there are images of the rarest."""
    edits, key = inputs.once(edited), jax.random.split(inputs.key(0))[1]
    pairs = (
        (edits["1"].edited, jax.random.permutation(key, edits["7"].edited)),
        (edits["1"].edited, edits[REAL].edited),
        (np.asarray(edits[BAR].before), edits[BAR].edited),
    )
    count = min(len(first) for first, _ in pairs)
    mixed = [jax.vmap(partial(strokes.blend, a[:count], b[:count]))(DOSES.astype(np.float32)) for a, b in pairs]
    return np.stack([np.asarray(part) for part in mixed])


def read_blends(network: Network, blends: Float[Array, "blends doses examples pixels"]) -> Blends:
    """How often a network reads the blended images as a 7."""
    flat = blends.reshape(-1, *blends.shape[2:])
    found = jax.lax.map(lambda images: jnp.mean(counterfactuals.read(network, images, SEVEN, ONE).margin > 0), flat)
    return Blends(found.reshape(blends.shape[:2]))


_COORDS = labelled(versions=VERSIONS, edits=EDITS, classes=CLASSES, blends=BLENDS, doses=tuple(DOSES))
MEASUREMENTS = (
    Measurement("edits", read_edits, lambda inputs: (inputs.once(edited),), _COORDS, chunk=1),
    Measurement("blank", read, lambda inputs: (inputs.once(edited)[BLANK].edited,), _COORDS, (UNTRAINED, TRAINED)),
    EnsembleMeasurement("pictures", pictures, _COORDS),
    Measurement("blends", read_blends, lambda inputs: (make_blends(inputs),), _COORDS, chunk=1),
)


def claims(results: Results) -> list[Claim]:
    """Rows 1.1 to 1.4, and rows 0–14 of row 1.5."""
    readings, blank = results["edits"], results["blank"].probability
    elsewhere, scattered = "as much ink erased elsewhere", versions(readings.probability, DRAWN)[1]
    stays = "the share of the images, read rightly before the edit, that are still read so"
    unsure = "the share of the 7s whose probability of a 1, between the two logits, is then ¼ to ¾"

    def as_a_one(row, name, values, control) -> Claim:
        said = {"quantity": _SIGNED, "score": Given(2 * values[0] - 1, SIGNED), "rule": above(0.0)}
        return _claim(results, row, name, values, control, **said)

    def most(row, name, values, control, quantity) -> Claim:
        return _claim(results, row, name, values, control, quantity=quantity, rule=above(MOST))

    default = Claim(
        row="1.4",
        name="default",
        text="1 is the default: ink in random places, as much as of a drawn 7, is read as a 1",
        published="hypothesis: “1 is the default, 7 is something special”",
        quantity=_SIGNED,
        measured=scattered,
        bounds=SHARE,
        controls={"blank image": blank.sel(conditions=TRAINED)},
        score=Given(2 * scattered - 1, SIGNED),
        rule=above(0.0),
        note=f"{CONTROL_DRAWS} random images.",
    )
    return [
        *(
            most("1.1", name, versions(readings.as_one, name), "as much ink drawn elsewhere", stays)
            for name in (FULL, TRIMMED, THREE, REAL)
        ),
        *(
            as_a_one("1.2", name, versions(readings.probability, name), "as much ink in random places")
            for name in (DRAWN, HIGH)
        ),
        most("1.3", BAR, versions(1 - readings.as_one, BAR), elsewhere, stays),
        as_a_one("1.4", BLANK, [blank.sel(conditions=name) for name in (TRAINED, UNTRAINED)], "untrained networks"),
        default,
        replace(most("1.5", ROWS, versions(readings.ambiguous, ROWS), elsewhere, unsure), name="rows 0–14"),
    ]


def versions(values: Any, name: str) -> tuple[Any, Any]:
    """The labelled values of an edit and of its control."""
    edit = values.sel(edits=name)
    return edit.sel(versions=EDITED), edit.sel(versions=CONTROL)


def _claim(results: Results, row: str, name: str, values: Sequence[Any], control: str, **said: Any) -> Claim:
    """A claim about an edit: values of its images and of its control.

    Noted: mean logits, of how many images, and how many networks read most of them as a 1.
    """
    text, published = _SAID[name]
    logits, logits_of_control = versions(results["edits"].logits, name)
    if name == BLANK:
        logits_of_control = results["blank"].logits.sel(conditions=UNTRAINED)
    as_one, _ = versions(results["edits"].as_one, name)
    images = int(results["pictures"].number.sel(edits=name))
    return Claim(
        row=row,
        name=name,
        text=text,
        published=f"logits of 1 and 7: {published}" if published else NO_CONTROL,
        measured=values[0],
        bounds=SHARE._replace(things=images),
        controls={control: values[1]},
        note=f"Mean logits (1 / 7) {_pair(logits)}, of the control {_pair(logits_of_control)}. Images: {images}. "
        f"Networks that read most of them as a 1: {int((as_one > MOST).sum())} of {int(as_one.notnull().sum())}.",
        **said,
    )


def _pair(logits: xr.DataArray) -> str:
    return " / ".join(mean(logits.sel(classes=name), 2) for name in CLASSES)
