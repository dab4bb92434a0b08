"""What would the network predict if the image were different? Predictions between two classes, before and after edits.

Everything is for one network, and about the margin between two classes: the logit of `first` minus the logit of
`second`. The prediction is `first` where the margin is positive; it flips where that changes. `strokes` has the masks
and the edited images.

Rows and columns are those of the images that the network's convolutions read, and all channels of a pixel are erased.
Images of networks without convolutions are square and have one channel: others raise InputError.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import data, metrics, networks
from jaxinterp.data import Shape
from jaxinterp.errors import InputError
from jaxinterp.interventions import erase
from jaxinterp.networks import Network

Images = Float[Array | np.ndarray, "examples pixels"]
Margins = Float[Array | np.ndarray, "examples rows"]


class Reading(NamedTuple):
    """Logits of two classes, their difference first − second, and the probability of the first given only these two."""

    first: Float[Array, " examples"]
    second: Float[Array, " examples"]
    margin: Float[Array, " examples"]
    probability: Float[Array, " examples"]


def reading(logits: Float[Array, "examples classes"], first: int, second: int) -> Reading:
    """The Reading of logits. Raises InputError for an unknown class, and for two equal ones."""
    for label in (first, second):
        metrics.check_class(label, logits.shape[-1])
    if first == second:
        raise InputError(f"a margin needs two different classes, got {first} twice")
    margin = logits[:, first] - logits[:, second]
    return Reading(logits[:, first], logits[:, second], margin, jax.nn.sigmoid(margin))


def read(network: Network, images: Images, first: int, second: int) -> Reading:
    """The Reading of the network's logits. Raises InputError as `reading` does."""
    return reading(network(images)[0], first, second)


def flip_rate(before: Reading, after: Reading) -> Float[Array, ""]:
    """Share of the examples whose prediction flips; NaN where a margin is NaN."""
    known = ~jnp.isnan(before.margin + after.margin)
    return jnp.mean(jnp.where(known, (before.margin > 0) != (after.margin > 0), jnp.nan))


def erase_rows(
    network: Network, images: Images, first: int, second: int, *, bottom: bool = False, chunk: int = 8
) -> Float[Array, "examples rows"]:
    """Margins after the k topmost rows of the image are set to 0, for k from 0 to all rows: rows + 1 entries.

    bottom: the k lowest rows instead. chunk: values of k at once; memory grows as chunk × examples × units.
    """
    shape = _shape(network, images)
    row = np.indices(shape)[0].ravel()
    row = shape[0] - 1 - row if bottom else row
    return _margins_without(network, images, row < np.arange(shape[0] + 1)[:, None], first, second, chunk).T


def fewest_rows(margins: Margins) -> Int[Array, " examples"]:
    """The smallest number of topmost rows whose erasure flips the prediction, from the margins of `erase_rows`.

    It is rows + 1 where no number of rows does.
    """
    flipped = _flipped(margins)
    return jnp.where(jnp.any(flipped, axis=-1), jnp.argmax(flipped, axis=-1), margins.shape[-1])


def bisected_rows(margins: Margins) -> Int[Array, " examples"]:
    """The result of a binary search for `fewest_rows`, from the same margins.

    The two differ only where the prediction flips more than once as rows are erased. The search then returns one of the
    flips, or rows + 1 where the prediction flips back before the last row.
    """
    flipped = _flipped(margins)
    side = margins.shape[-1] - 1
    low, high = jnp.zeros(margins.shape[0], int), jnp.full(margins.shape[0], side)
    for _ in range(side.bit_length()):
        middle = (low + high) // 2
        flipped_at_middle = jnp.take_along_axis(flipped, middle[:, None], axis=-1)[:, 0]
        low, high = jnp.where(flipped_at_middle, low, middle), jnp.where(flipped_at_middle, middle, high)
    return jnp.where(flipped[:, -1], high, side + 1)


class Window(NamedTuple):
    """The fewest contiguous rows whose erasure flips the prediction, and the start of the topmost window of that size.

    Where no window does: rows + 1, and −1.
    """

    rows: Int[Array, " examples"]
    start: Int[Array, " examples"]


def fewest_window(network: Network, images: Images, first: int, second: int, *, chunk: int = 8) -> Window:
    """The smallest window of rows, anywhere in the image, whose erasure flips the prediction. Every window is tried.

    chunk: windows at once, of rows · (rows + 1)/2 in all; memory grows as chunk × examples × units.
    """
    shape = _shape(network, images)
    top, bottom = np.triu_indices(shape[0])
    order = np.lexsort((top, bottom - top))
    top, bottom = top[order], bottom[order]
    row = np.indices(shape)[0].ravel()
    # The empty window comes first, so that all compared margins come from the same computation.
    masks = np.concatenate([np.zeros((1, len(row)), bool), (top[:, None] <= row) & (row <= bottom[:, None])])
    flipped = _flipped(_margins_without(network, images, masks, first, second, chunk).T)[:, 1:]
    any_flips, smallest = jnp.any(flipped, axis=-1), jnp.argmax(flipped, axis=-1)
    lengths = jnp.asarray(bottom - top + 1)
    return Window(
        jnp.where(any_flips, lengths[smallest], shape[0] + 1), jnp.where(any_flips, jnp.asarray(top)[smallest], -1)
    )


def occlusion(
    network: Network, images: Images, first: int, second: int, *, size: int, stride: int = 1, chunk: int = 8
) -> Float[Array, "examples tops lefts"]:
    """Drop in margin, in logits, when a size × size patch is set to 0, for each position of its top left corner.

    Positions are `stride` pixels apart, from the image's corner on, as far as the patch fits. Source: Zeiler and Fergus
    2014, arXiv 1311.2901, section 4.2. chunk: patches at once; memory grows as chunk × examples × units. Raises
    InputError for a patch that does not fit.
    """
    shape = _shape(network, images)
    most = min(shape[:2])
    if not 1 <= size <= most or stride < 1:
        raise InputError(f"size is {size}, stride {stride}: use a size from 1 to {most} and a stride of 1 or more")
    row, column, _ = (index.ravel() for index in np.indices(shape))
    tops, lefts = (np.arange(0, side - size + 1, stride) for side in shape[:2])
    masks = [
        (top <= row) & (row < top + size) & (left <= column) & (column < left + size) for top in tops for left in lefts
    ]
    before = read(network, images, first, second).margin
    drops = before - _margins_without(network, images, np.array(masks), first, second, chunk)
    return drops.T.reshape(-1, len(tops), len(lefts))


class NoisyPasses(NamedTuple):
    """Mean and standard deviation of the logits over forward passes with dropout.

    differing: share of the passes whose prediction, among all classes, differs from that without dropout.
    """

    mean: Float[Array, "examples classes"]
    sd: Float[Array, "examples classes"]
    differing: Float[Array, " examples"]


def noisy_passes(network: Network, images: Images, key, *, passes: int) -> NoisyPasses:
    """The logits with dropout (Monte-Carlo dropout), one pass after another: memory is that of one pass.

    Pass i has the same noise for any number of passes. Without dropout the passes are equal: sd 0, differing 0. Raises
    InputError for fewer than two passes.
    """
    if passes < 2:
        raise InputError(f"passes is {passes}: use 2 or more, since a standard deviation needs two")
    noiseless = network(images)[0]
    noiseless_predictions = metrics.predictions("cross_entropy", noiseless)

    def add(moments, index):
        """Welford's update, which avoids cancellation."""
        mean, squares, differing = moments
        logits = network(images, dropout_key=jax.random.fold_in(key, index))[0]
        change = logits - mean
        mean = mean + change / (index + 1)
        differing = differing + (metrics.predictions("cross_entropy", logits) != noiseless_predictions)
        return (mean, squares + change * (logits - mean), differing), None

    zero = jnp.zeros_like(noiseless)
    (mean, squares, differing), _ = jax.lax.scan(
        add, (zero, zero, jnp.zeros_like(noiseless_predictions)), jnp.arange(passes)
    )
    return NoisyPasses(mean, jnp.sqrt(squares / (passes - 1)), differing / passes)


def _shape(network: Network, images: Images) -> Shape:
    """Rows, columns and channels of the images."""
    return networks.image_shape(network.model) or (*data.image_shape(images.shape[-1]), 1)


def _margins_without(
    network: Network, images: Images, masks: Bool[np.ndarray, "edits pixels"], first: int, second: int, chunk: int
) -> Float[Array, "edits examples"]:
    def one(mask):
        return reading(network(images, {"input": erase(mask)})[0], first, second).margin

    return jax.lax.map(one, jnp.asarray(masks), batch_size=chunk)


def _flipped(margins: Margins) -> Bool[Array, "examples rows"]:
    """Whether each prediction differs from the first of its row."""
    first = jnp.asarray(margins) > 0
    return first != first[:, :1]
