"""What does a part of a digit do by itself? Digits cut into connected strokes, and strokes moved from place to place.

Images are square, in [0, 1], bright on black. Ink pixels are those brighter than strokes.INK, and two of them are
neighbours where they share an edge or a corner. A table of strokes, "sets shapes places pixels", shows every stroke of
a set at every place (position in the image), alone. A layer's activations on it then depend on the stroke, on its
place, or on both together.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import controls, metrics
from jaxinterp.analysis import correlation
from jaxinterp.analysis.strokes import INK, draw_equal_ink
from jaxinterp.data import Dataset, image_shape
from jaxinterp.errors import InputError
from jaxinterp.networks import Network

SHAPES = ("—", "|", "/", "\\", "○", "⊂", "⊃", "∩", "∪")
PLACES = 9  # a grid of three rows and three columns
_ROWS = 3
_ACTIVATED = 0.25  # share of a layer's units that a fragment activates: those that it changes most

Images = Float[Array | np.ndarray, "examples pixels"]
Parts = Int[Array | np.ndarray, "examples pixels"]


def cut(images: Images, *, count: int) -> Int[Array, "examples pixels"]:
    """Cut every digit into connected parts: the part that each pixel is in, from 0; `count` for no part.

    Distances are steps inside the ink. The first part grows around the pixel that is farthest from the topmost one,
    usually an end of a stroke; each further part grows around the pixel that is farthest from all seeds before it; each
    ink pixel belongs to the nearest part, and ties go to the first. Fainter pixels follow the nearest part. A separate
    piece of ink gets its own part before any piece is cut, and no part where there are more pieces than parts. With
    fewer ink pixels than parts, the last parts are empty. Raises InputError for fewer than one part.
    """
    if count < 1:
        raise InputError(f"count is {count}: cut a digit into 1 or more parts")
    pixels = images.shape[-1]
    side, _ = image_shape(pixels)
    images = jnp.asarray(images)
    ink, one_step = images > INK, count + 1
    far = one_step * pixels + count  # farther than any pixel can be, and in no part
    every = jnp.arange(pixels)

    def nearest(keys, mask):
        """The minimum of distance · one_step + part over all paths inside the mask."""

        def step(state):
            keys, _ = state
            grid = jnp.pad(keys.reshape(-1, side, side), ((0, 0), (1, 1), (1, 1)), constant_values=far)
            across = jnp.minimum(jnp.minimum(grid[:, :, :-2], grid[:, :, 2:]), grid[:, :, 1:-1])
            near = jnp.minimum(jnp.minimum(across[:, :-2], across[:, 2:]), across[:, 1:-1]).reshape(keys.shape)
            closer = jnp.where(mask & (near < far), jnp.minimum(keys, near + one_step), keys)
            return closer, jnp.any(closer != keys)

        return jax.lax.while_loop(lambda state: state[1], step, (keys, jnp.array(True)))[0]

    def farthest(keys, among):
        return jnp.argmax(jnp.where(among, keys // one_step, -1), axis=-1)[:, None]

    topmost = jnp.argmax(ink, axis=-1)[:, None]
    keys = nearest(jnp.where(ink & (every == topmost), 0, far), ink)
    seed = farthest(keys, keys < far)
    keys = jnp.full(images.shape, far)
    for part in range(count):
        keys = nearest(jnp.where(ink & (every == seed), jnp.minimum(keys, part), keys), ink)
        seed = farthest(keys, ink)
    parts = keys % one_step
    return nearest(jnp.where(parts < count, parts, far), images > 0) % one_step


def alone(images: Images, parts: Parts, *, count: int) -> Float[Array, "fragments examples pixels"]:
    """Each part of every digit by itself, on black."""
    return jnp.where(jnp.asarray(parts) == jnp.arange(count)[:, None, None], images, 0.0)


class Moves(NamedTuple):
    """Change of the logits by a fragment: shown alone, against the blank image; and added to the rest of its digit."""

    alone: Float[Array, "fragments examples classes"]
    added: Float[Array, "fragments examples classes"]


def moves(network: Network, images: Images, fragments: Float[Array, "fragments examples pixels"]) -> Moves:
    """The change of each logit by every fragment of every digit. Memory: the activations on all examples, once."""
    blank = network(jnp.zeros(images.shape[-1]))[0]
    whole = network(images)[0]

    def one(fragment):
        return Moves(network(fragment)[0] - blank, whole - network(images - fragment)[0])

    return jax.lax.map(one, fragments)


class Shown(NamedTuple):
    """Fragments of every digit alone, moved elsewhere, and as scattered ink; known: those with any ink."""

    images: Float[Array, "kinds fragments examples pixels"]
    known: Bool[Array, "fragments examples"]


class Effects(NamedTuple):
    """What fragments do to one network's logits, compared with the blank image; kinds as in `Shown`.

    own: share of fragments that raise their own digit's logit most. moves: of each logit, mean over the fragments of a
    digit. linked: correlation over logits of what a fragment does alone with what is done by it elsewhere, by another
    one elsewhere, by adding it to its digit and by adding another one of the digit to its own, mean over fragments.
    by_part: moves by the fragments of single examples.
    """

    own: Float[Array, " kinds"]
    moves: Float[Array, "kinds digits outputs"]
    linked: Float[Array, " links"]
    by_part: Float[Array, "digits parts outputs"]


def show(key, images: Images, parts: Parts, *, count: int) -> Shown:
    """Every fragment alone, somewhere else, and as the same amount of white ink spread over other pixels."""
    own = alone(images, parts, count=count)
    flat = own.reshape(-1, images.shape[-1])
    move_key, spread_key = jax.random.split(key)
    scattered = draw_equal_ink(spread_key, jnp.zeros_like(flat), flat)
    shown = jnp.stack([flat, elsewhere(move_key, flat), scattered])
    return Shown(shown.reshape(-1, *own.shape), jnp.any(own > 0, axis=-1))


def effects(
    network: Network, data: Dataset, shown: Shown, key, examples: Int[Array | np.ndarray, " digits"]
) -> Effects:
    """What fragments do to the logits. key: for the shuffles. examples: those whose fragments are reported singly."""
    labels, outputs = jnp.asarray(data.labels), network.model.outputs
    by_itself, added = moves(network, data.images, shown.images[0])
    blank = network(jnp.zeros(shown.images.shape[-1]))[0]
    moved = jnp.stack([by_itself, *(network(images)[0] - blank for images in shown.images[1:])])
    raised = metrics.predictions("cross_entropy", moved) == labels
    raised = jnp.where(jnp.isfinite(moved).all(axis=-1), raised, jnp.nan)
    rows, within = jax.random.split(key)
    another = jnp.swapaxes(controls.shuffled_rows(rows, jnp.swapaxes(moved[1], 0, 1)), 0, 1)
    in_other = jnp.swapaxes(controls.shuffled_within_class(within, jnp.swapaxes(added, 0, 1), labels), 0, 1)
    linked = [correlation.rowwise(by_itself, other) for other in (moved[1], another, added, in_other)]
    members = (labels == jnp.arange(outputs)[:, None])[:, None] & shown.known  # digits parts examples
    number = jnp.sum(members, axis=(1, 2))
    total = jnp.einsum("spec,dpe->sdc", moved, members.astype(moved.dtype), precision=jax.lax.Precision.HIGHEST)
    return Effects(
        own=jnp.mean(raised, axis=(1, 2), where=shown.known),
        moves=total / jnp.where(number > 0, number, jnp.nan)[:, None],
        linked=jnp.stack([jnp.nanmean(jnp.where(shown.known, values, jnp.nan)) for values in linked]),
        by_part=jnp.swapaxes(by_itself[:, examples], 0, 1),
    )


def elsewhere(key, images: Images) -> Float[Array, "examples pixels"]:
    """Control: the ink of each image, its shape kept, moved to a random position where all of it stays visible."""
    side, _ = image_shape(images.shape[-1])
    top, left, height, width = _boxes(images)
    room = jnp.stack([side - height, side - width], axis=-1) + 1
    drawn = jnp.floor(jax.random.uniform(key, room.shape) * room).astype(int)
    return _moved(images, drawn - jnp.stack([top, left], axis=-1))


def in_every_place(images: Images) -> Float[Array, "places examples pixels"]:
    """The ink of each image at nine places, its bounding box centred on each as closely as whole pixels allow.

    The places are those of `drawn`. Ink outside the image is lost: see `fits`.
    """
    side, _ = image_shape(images.shape[-1])
    top, left, height, width = _boxes(images)
    corner = _centres(side)[:, None] - (jnp.stack([height, width], axis=-1) - 1) / 2
    return jax.vmap(lambda to: _moved(images, to - jnp.stack([top, left], axis=-1)))(jnp.round(corner).astype(int))


def placed(images: Images, *, sets: int, seed: int) -> Float[Array, "sets shapes places pixels"]:
    """A table of images in place of strokes, picked at random from those that fit; black if there are too few."""
    fitting = np.flatnonzero(np.asarray(jax.jit(fits)(images)))
    order = np.random.default_rng(seed).permutation(fitting)[: sets * len(SHAPES)]
    chosen = np.zeros((sets * len(SHAPES), images.shape[-1]), np.float32)
    chosen[: len(order)] = np.asarray(images)[order]
    tables = jax.jit(in_every_place)(chosen)
    return jnp.moveaxis(tables.reshape(PLACES, sets, len(SHAPES), -1), 0, 2)


def fits(images: Images) -> Array:
    """Whether each image has ink and all of it stays inside at every place of `in_every_place`: "examples"."""
    side, _ = image_shape(images.shape[-1])
    _, _, height, width = _boxes(images)
    smallest = 2 * int(np.floor(_centres(side).min() + 0.5))
    return (height > 0) & (height <= smallest) & (width <= smallest)


def drawn(seed: int, *, sets: int, side: int = 28) -> Float[np.ndarray, "sets shapes places pixels"]:
    """A table of strokes: four bars, a ring and four arcs, each at nine places, with nothing else in the image.

    Each set has a random offset of up to one pixel, a random thickness and a random intensity, so that within a set a
    stroke is the same at all places. Ring and arcs have a radius of an eighth of the side, and the bars the same
    half-length.
    """
    rng, unit = np.random.default_rng(seed), side / 28
    offset = rng.uniform(-1, 1, (sets, 1, 1, 2)) * unit
    thickness, intensity = rng.uniform((1.5, 0.5), (3, 1), (sets, 2)).T.astype(np.float32)
    position = np.stack(np.divmod(np.arange(side * side), side), axis=-1)
    relative = position - _centres(side)[:, None] - offset  # "sets places pixels 2"
    distance = np.moveaxis(_distances(relative, side / 8), 0, 1)
    covered = np.clip((thickness[:, None, None, None] * unit + 1) / 2 - distance, 0, 1)
    return (intensity[:, None, None, None] * covered).astype(np.float32)


class Encoding(NamedTuple):
    """What a layer's activations on a table of strokes depend on.

    shape, place, both: shares of the variance of the activation vectors, which sum to 1: main effect of the stroke,
    main effect of its place, and their interaction (two-way analysis of variance, within sets). For independent
    activations in each of a × b cells, they are (a − 1)/(ab − 1), (b − 1)/(ab − 1) and the rest. same_shape,
    same_place, neither: the units that two fragments both activate, as a share of those that one activates, mean over
    pairs in a set: the same stroke at two places, two strokes at the same place, two strokes at two places. NaN where
    all activations are equal, and where no such pair exists.
    """

    shape: Float[Array, ""]
    place: Float[Array, ""]
    both: Float[Array, ""]
    same_shape: Float[Array, ""]
    same_place: Float[Array, ""]
    neither: Float[Array, ""]


def encoding(
    activations: Float[Array | np.ndarray, "sets shapes places units"], blank: Float[Array | np.ndarray, " units"]
) -> Encoding:
    """Does a layer encode the stroke or its place? blank: the layer's activations on the blank image.

    A fragment activates the quarter of the units that it changes most relative to the blank image.
    """
    activations = jnp.asarray(activations)
    sets, shapes, places, units = activations.shape
    centred = activations - jnp.mean(activations, axis=(1, 2), keepdims=True)
    by_shape, by_place = jnp.mean(centred, axis=2, keepdims=True), jnp.mean(centred, axis=1, keepdims=True)
    total = jnp.sum(centred**2)
    squares = (by_shape, by_place, centred - by_shape - by_place)
    shares = [jnp.sum(jnp.broadcast_to(part, centred.shape) ** 2) for part in squares]
    shares = [jnp.where(total > 0, share / jnp.where(total > 0, total, 1), jnp.nan) for share in shares]

    count = max(1, round(_ACTIVATED * units))
    rank = jnp.argsort(jnp.argsort(-jnp.abs(activations - blank), axis=-1), axis=-1)
    active = (rank < count).astype(activations.dtype)
    of_shape, of_place, of_all = (_in_common(jnp.sum(active, axis=axis), active) for axis in (2, 1, (1, 2)))
    common = (of_shape, of_place, of_all - of_shape - of_place)
    pairs = (places - 1, shapes - 1, (shapes - 1) * (places - 1))
    changed = jnp.where((total > 0) & jnp.isfinite(total), 1.0, jnp.nan) / (count * sets * shapes * places)
    overlaps = [
        changed * both / number if number else jnp.nan * total for both, number in zip(common, pairs, strict=True)
    ]
    return Encoding(*shares, *overlaps)


def _in_common(counts: Array, active: Array) -> Array:
    """Number of units that both fragments activate, summed over ordered pairs of different fragments of a group.

    counts: how many fragments of the group activate each unit.
    """
    return jnp.sum(counts**2) - jnp.sum(active)


def _centres(side: int) -> Float[np.ndarray, "places 2"]:
    """Row and column of each place."""
    along = (np.arange(_ROWS) + 1) * side / (_ROWS + 1) - 0.5
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)


def _distances(relative: Float[np.ndarray, "*any 2"], radius: float) -> Float[np.ndarray, "shapes *any"]:
    """Distance of points, relative to a stroke's centre, from each stroke's middle line; rows run downwards."""
    down, right = relative[..., 0], relative[..., 1]
    half = np.sqrt(0.5)
    distances = []
    for along in ((0, 1), (1, 0), (-half, half), (half, half)):
        way = down * along[0] + right * along[1]
        distances.append(np.hypot(down * along[1] - right * along[0], np.maximum(np.abs(way) - radius, 0)))
    distances.append(np.abs(np.hypot(down, right) - radius))
    for opening in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        towards = down * opening[0] + right * opening[1] - radius / 2
        sideways = np.abs(down * opening[1] - right * opening[0])
        round_ = np.abs(np.hypot(towards, sideways) - radius)
        distances.append(np.where(towards <= 0, round_, np.hypot(towards, sideways - radius)))
    return np.stack(distances)


def _boxes(images: Images) -> tuple[Array, Array, Array, Array]:
    """Top, left, height and width of the bounding box of all pixels above 0 in each image; 0 for a blank image."""
    side, _ = image_shape(images.shape[-1])
    inked = (jnp.asarray(images) > 0).reshape(-1, side, side)
    extents = []
    for axis in (2, 1):
        inside = jnp.any(inked, axis=axis)
        first, last = jnp.argmax(inside, axis=-1), side - 1 - jnp.argmax(inside[:, ::-1], axis=-1)
        extents.append((first, jnp.where(jnp.any(inside, axis=-1), last - first + 1, 0)))
    (top, height), (left, width) = extents
    return top, left, height, width


def _moved(images: Images, by: Int[Array, "examples 2"]) -> Float[Array, "examples pixels"]:
    """Every image moved down and to the right by its own whole number of pixels."""
    side, _ = image_shape(images.shape[-1])
    row, column = (jnp.arange(side) - by[:, axis, None] for axis in (0, 1))
    inside = ((row >= 0) & (row < side))[:, :, None] & ((column >= 0) & (column < side))[:, None, :]
    source = (row % side)[:, :, None] * side + (column % side)[:, None, :]
    taken = jnp.take_along_axis(jnp.asarray(images), source.reshape(images.shape), axis=-1)
    return jnp.where(inside.reshape(images.shape), taken, 0.0)
