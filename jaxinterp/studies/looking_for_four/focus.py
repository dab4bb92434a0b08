"""Does a neuron look at one place, or at two? Row 5.2: focus as a number, of every neuron, trained and untrained."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import locality
from jaxinterp.data import image_shape
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.looking_for_four.asked import LIT, Asked, Seen
from jaxinterp.studies.looking_for_four.record import (
    ALIKE,
    TRAINED,
    UNTRAINED,
    LookingForFour,
    Values,
    calibrated,
    calibrated_score,
    claim,
    estimate,
)

WEIGHTS, USED = LOOKS = ("weights", "used")
STATISTICS = (*locality.Locality._fields, "foci", "two_foci")
LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
SHOWN = 16

FOCUS = 0.25  # of the core's mass: no more than four parts can be foci
FAR = 1 / 3  # of the image's side, between centres: further than a digit's stroke is from its neighbour
NARROWED = 0.5  # half of the pixels that random weights have

_NAMES = {WEIGHTS: "weights", USED: "what is used"}
_EXPLAINED = {
    WEIGHTS: "Maps: weights, from the second layer pushed back with batch norms folded in",
    USED: "Maps: mean gradient over test images × sd of the pixel",
}
_OVER = f"over pixels that are lit in at least {LIT:.0%} of the training images, 0 elsewhere."


def foci(maps: Float[Array, "units pixels"]) -> tuple[Float[Array, " units"], Float[Array, " units"]]:
    """Connected parts of the core that hold at least `FOCUS` of its mass, and how far apart the largest two are.

    Distance of their centres of mass, in pixels; 0 where there are not two. NaN for a map without mass.
    """
    units, pixels = maps.shape
    _, side = image_shape(pixels)
    inside, squares = locality.core(maps), maps**2
    mass = jnp.where(inside, squares, 0)
    share = mass / jnp.sum(mass, axis=-1, keepdims=True)
    parts = locality.connected(inside)
    row, column = jnp.divmod(jnp.arange(pixels), side)
    place = jnp.stack([jnp.ones(pixels), row, column], axis=-1)
    sums = (
        jnp.zeros((units, pixels, 3)).at[jnp.arange(units)[:, None], parts].add(share[..., None] * place, mode="drop")
    )
    held, two = jax.lax.top_k(sums[..., 0], min(2, pixels))
    centres = jnp.take_along_axis(sums[..., 1:], two[..., None], axis=1) / jnp.where(held > 0, held, 1)[..., None]
    distance = jnp.sqrt(jnp.sum((centres[:, 0] - centres[:, -1]) ** 2, axis=-1))
    known = jnp.isfinite(share[:, 0])
    count = jnp.sum(sums[..., 0] >= FOCUS, axis=-1)
    return (
        jnp.where(known, count, jnp.nan).astype(maps.dtype),
        jnp.where(known, jnp.where(held[:, -1] >= FOCUS, distance, 0), jnp.nan),
    )


def measure(asked: Asked) -> dict[str, Any]:
    """The record's fields of row 5.2."""
    found = asked.compared(_focus, asked.lit)
    maps = _lit(jnp.asarray(asked.seen[TRAINED].weights[0][asked.example]), asked.lit)
    pixels, count = (np.asarray(values) for values in (locality.locality(maps).participation, foci(maps)[0]))
    order = np.argsort(pixels, kind="stable")[:SHOWN]
    return {
        "statistics": STATISTICS,
        "focus_mean": found["mean"],
        "focus_best": found["best"],
        "focus_quantiles": found["quantiles"],
        "focused": np.asarray(maps)[order],
        "focused_unit": order,
        "focused_pixels": pixels[order],
        "focused_foci": count[order],
    }


def _lit(maps: Float[Array, "units pixels"], lit: Bool[Array | np.ndarray, " pixels"]) -> Float[Array, "units pixels"]:
    """0 where next to no image has ink: weights of such pixels stay as they began, whatever the network learns."""
    return jnp.where(lit, maps, 0)


def _focus(seen: Seen, lit: Bool[Array | np.ndarray, " pixels"]) -> dict[str, Array]:
    """Statistics over a layer's neurons, all "looks layers …"."""
    maps = [maps for views in zip(seen.weights, seen.used, strict=True) for maps in views]
    together = _lit(jnp.concatenate(maps), lit)
    count, distance = foci(together)
    far = FAR * image_shape(together.shape[-1])[0]
    two = jnp.where(jnp.isnan(count), jnp.nan, (count >= 2) & (distance > far))
    values = jnp.stack([*locality.locality(together), count, two])
    ends = np.cumsum([len(of_layer) for of_layer in maps])[:-1]

    def summary(values):
        pixels = values[STATISTICS.index("participation")]
        best = jnp.argmin(jnp.nan_to_num(pixels, nan=jnp.inf))
        return {
            "mean": jnp.nanmean(values, axis=1),
            "best": values[:, best],
            "quantiles": jnp.nanquantile(pixels, jnp.array(LEVELS)),
        }

    found = jax.tree.map(lambda *parts: jnp.stack(parts), *map(summary, jnp.split(values, ends, axis=1)))
    by_layer = jax.tree.map(lambda part: part.reshape(-1, len(LOOKS), *part.shape[1:]), found)
    return jax.tree.map(lambda part: jnp.swapaxes(part, 0, 1), by_layer)


def findings(record: LookingForFour) -> list[Finding]:
    """Row 5.2 judged, by weights and by what is used of them."""
    found = []
    for layer in range(len(record.layers)):
        for look in LOOKS:
            found += [judge(record, layer, look) for judge in (_narrow, _most, _cluster, _two)]
    return found


def _read(record: LookingForFour, which: str, condition: str, layer: int, look: str, statistic: str) -> Values:
    table = record.focus_mean if which == "mean" else record.focus_best
    place = record.conditions.index(condition), LOOKS.index(look), layer, record.statistics.index(statistic)
    return table[:, place[0], place[1], place[2], place[3]]


def _pair(record: LookingForFour, which: str, layer: int, look: str, statistic: str) -> tuple[Values, Values]:
    first, second = (_read(record, which, condition, layer, look, statistic) for condition in (TRAINED, UNTRAINED))
    return first, second


def _narrow(record: LookingForFour, layer: int, look: str) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.2 focus {name} {look}",
        f"{name}: neurons focus, by {_NAMES[look]}: effective number of pixels, mean over neurons",
        f"share of the pixels of {UNTRAINED} neurons that are given up; at least −1",
        low=NARROWED,
        published="by eye: some",
    )
    own, control = _pair(record, "mean", layer, look, "participation")
    told = [f"{s} {_told(record, 'mean', layer, look, s)}" for s in ("gini", "spread", "components")]
    note = f"{_EXPLAINED[look]}, {_OVER} Trained ({UNTRAINED}): {', '.join(told)}."
    return judged(row, own, control, UNTRAINED, np.maximum(1 - own / control, -1), note=note)


def _most(record: LookingForFour, layer: int, look: str) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.2 most focused {name} {look}",
        f"{name}: a network's most focused neuron is focused, by {_NAMES[look]}: effective number of pixels",
        f"share of the pixels of the most focused neuron of an {UNTRAINED} network that are given up; at least −1",
        low=NARROWED,
        published="found by eye",
    )
    own, control = _pair(record, "best", layer, look, "participation")
    others = {"mean over neurons": _read(record, "mean", TRAINED, layer, look, "participation")}
    note = (
        f"{_EXPLAINED[look]}, {_OVER} Control: the fewest pixels among as many neurons of the same network before "
        "training."
    )
    return judged(row, own, control, UNTRAINED, np.maximum(1 - own / control, -1), others=others, note=note)


def _cluster(record: LookingForFour, layer: int, look: str) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.2 one place {name} {look}",
        f"{name}: a network's most focused neuron looks at one place, by {_NAMES[look]}: share of its core in the "
        "largest connected part",
        calibrated_score(UNTRAINED),
        low=ALIKE,
        published="found by eye",
    )
    own, control = _pair(record, "best", layer, look, "largest")
    others = {"mean over neurons": _read(record, "mean", TRAINED, layer, look, "largest")}
    spread = _told(record, "best", layer, look, "spread")
    note = (
        f"Core: the fewest pixels that hold half of the map's squares. Spread in pixels {spread}. {_EXPLAINED[look]}, "
        f"{_OVER}"
    )
    return calibrated(row, own, {UNTRAINED: control}, others, note)


def _two(record: LookingForFour, layer: int, look: str) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.2 two foci {name} {look}",
        f"{name}: training gives a network neurons with two foci far apart, by {_NAMES[look]}: share of neurons",
        f"share less that of {UNTRAINED} neurons",
        low=float(1 / record.widths[layer]),  # more than one neuron
        published="found by eye",
    )
    own, control = _pair(record, "mean", layer, look, "two_foci")
    note = (
        f"Foci: connected parts of the core with at least {FOCUS:.0%} of its mass; far apart: centres further than "
        f"{FAR:.2f} of the image's side. Foci a neuron {_told(record, 'mean', layer, look, 'foci')}. The bar is one "
        f"neuron of the layer's {record.widths[layer]}. {_EXPLAINED[look]}, {_OVER}"
    )
    return judged(row, own, control, UNTRAINED, own - control, note=note)


def _told(record: LookingForFour, which: str, layer: int, look: str, statistic: str) -> str:
    own, control = (estimate(values).mean for values in _pair(record, which, layer, look, statistic))
    return f"{own:.3g} ({control:.3g})"
