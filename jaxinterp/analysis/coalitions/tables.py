"""What does a network predict with every subset of its last hidden layer's units? All 2ⁿ subsets, on every image.

The logits are linear in that layer: those of coalition S are the network's own plus Σ (r − a) W over the units that are
not in S, with activations a, replacements r and output weights W. Half of the units give 2^(n/2) partial sums, the
other half as many, and every coalition's logits are the sum of one of each. Images are taken some at a time, and their
results added up, so that memory does not grow with them. Without one unit, logits are those of `ablation.units`: the
same bits, unless the compiler fuses a product and a sum. Accuracies are equal; margins and losses are means that are
summed in another order, and agree to rounding. Where every unit of a coalition has the activation that would replace
it, such as 0 under zero-ablation, logits are exactly those without any unit: where these are equal, as they are without
output biases, the first class is predicted, as by the network itself, and not the one that rounding prefers, as it may
in `ablation.units`. Where replacements drawn from other images happen to silence the layer, rounding still decides.
"""

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from jaxinterp.analysis import ablation, directions
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import EXACT, MLP, Network, output_weights, sites

LARGEST = 20  # units: a million coalitions, each with four numbers for each class
CHUNK = 16  # images at once: the predictions of a 16-unit layer are then 1 MB, and stay in cache


class Table(NamedTuple):
    """What every coalition predicts, class by class.

    hits: how many examples of a class are predicted to be of it. predicted: how many of all examples are. Means over
    draws where replacements are drawn at random. margin, in logits, and loss, the cross-entropy in nats: means over the
    examples of a class, NaN without any. count: examples of each class.
    """

    hits: Float[Array, "classes subsets"]
    predicted: Float[Array, "classes subsets"]
    margin: Float[Array, "classes subsets"]
    loss: Float[Array, "classes subsets"]
    count: Int[Array, " classes"]  # pyright: ignore[reportIncompatibleMethodOverride]


def last_site(model: MLP) -> Site:
    """The site that the outputs read: that of the units whose coalitions have a table."""
    return sites(model)[-2]


def check_classes(model: MLP) -> None:
    """Raise InputError for a model with one output, which tells no classes apart."""
    if model.outputs < 2:
        raise InputError("coalitions are judged by which of several classes is predicted: give the network 2 outputs")


class Parts(NamedTuple):
    """What a table is made of: logits, each unit's change when it is left out, output weights and labels.

    empty: logits without any unit.
    """

    logits: Float[Array, "examples classes"]
    change: Float[Array, "examples units"]
    kernel: Float[Array, "units classes"]
    labels: Int[Array, " examples"]
    empty: Float[Array, "examples classes"]

    def of_classes(self, chosen: Int[np.ndarray, " chosen"], labels: Int[Array, "*batch examples"]) -> "Parts":
        """Of these outputs alone, with labels that count them; fields may have leading axes."""
        logits, kernel, empty = (field[..., chosen] for field in (self.logits, self.kernel, self.empty))
        return self._replace(logits=logits, kernel=kernel, empty=empty, labels=labels)

    def of_examples(self, rows: slice) -> "Parts":
        """Of these examples alone; fields may have leading axes."""
        logits, change, empty = (field[..., rows, :] for field in (self.logits, self.change, self.empty))
        return self._replace(logits=logits, change=change, empty=empty, labels=self.labels[..., rows])


def table(
    network: Network,
    data: Dataset,
    *,
    kind: str = "zero",
    keys: Key[Array, " draws"] | None = None,
    basis: directions.Basis | None = None,
    chunk: int = CHUNK,
) -> Table:
    """The table of all coalitions of the last hidden layer's units.

    kind: see `ablation`. keys: for "resample", one for each draw of replacements; results are averaged over draws.
    basis: of directions whose coalitions are taken in place of the units'. chunk: images at once; memory grows as
    chunk × 2ⁿ, and compiling takes longer. What is not used of a table is not computed under jit: F1 needs neither
    margins nor losses, which take twice as long as all else.

    Raises InputError where the outputs read feature maps, for one output, more than `LARGEST` units, an unknown kind,
    and for "resample" without keys.
    """

    def of_key(key):
        return of_parts(parts(network, data, kind=kind, key=key, basis=basis), chunk=chunk)

    if kind != "resample" or keys is None:
        return of_key(None)
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0).astype(leaf.dtype), jax.lax.map(of_key, keys))


def parts(network: Network, data: Dataset, *, kind: str, key=None, basis: directions.Basis | None = None) -> Parts:
    """What `of_parts` makes a table of: those of several kinds, bases or images have equal shapes, for one program.

    key: for "resample". Raises InputError as `table` does.
    """
    kernel, classes = output_weights(network), network.model.outputs
    check_classes(network.model)
    logits, activations = network(data.images)
    site, labels = last_site(network.model), jnp.asarray(data.labels)
    own = activations[site]
    fill = partial(ablation.fill, kind, labels=labels, classes=classes, key=key)
    empty = network(data.images, {site: replace(fill(own))})[0]
    if basis is not None:
        own = directions.coordinates(own, basis)
        kernel = jnp.matmul(basis.T, kernel, precision=EXACT)
    return Parts(logits, fill(own) - own, kernel, labels, empty)


def of_parts(found: Parts, *, chunk: int = CHUNK) -> Table:
    """The table; counts are exact. chunk, and InputError for too many units: see `table`."""
    logits, change, kernel, labels, empty = found
    units = kernel.shape[0]
    if units > LARGEST:
        raise InputError(f"2^{units} coalitions are too many for a table: use at most {LARGEST} units, or sample them")
    if logits.shape[1] > 255:
        raise InputError(f"a table has at most 255 classes, got {logits.shape[1]}")
    if not 1 <= chunk <= 127:
        raise InputError(f"chunk is {chunk}: use 1 to 127 images at once")
    examples, classes = logits.shape
    lower = units // 2
    first, second = _without(lower), _without(units - lower)
    rows = jnp.arange(-(-examples // chunk) * chunk).reshape(-1, chunk)

    def of_images(rows):
        """The partial sums of the two halves, "images classes subsets", and what `_of_image` takes besides.

        What fills up has no class.
        """
        own, terms = rows % examples, change[rows % examples, :, None] * kernel
        low = logits[own][:, :, None] + jnp.einsum("iuc,su->ics", terms[:, :lower], first, precision=EXACT)
        high = jnp.einsum("iuc,su->ics", terms[:, lower:], second, precision=EXACT)
        silent = _silent(change[own, :lower]), _silent(change[own, lower:])
        return low, high, *silent, empty[own], jnp.where(rows < examples, labels[own], classes)

    def step(sums, rows):
        images = of_images(rows)
        # The loop keeps the compiler from computing predictions again for each class that counts them.
        predictions, margins, losses = jax.lax.map(lambda own: _of_image(*own), images)
        of_class = jnp.asarray(images[-1] == jnp.arange(classes)[:, None], margins.dtype)
        hits, predicted, margin, loss = sums
        own_hits, own_predicted = _counted(predictions, images[-1], classes)
        return (
            hits + own_hits,
            predicted + own_predicted,
            margin + jnp.matmul(of_class, margins, precision=EXACT),
            loss + jnp.matmul(of_class, losses, precision=EXACT),
        ), None

    shape = classes, 2**units
    none = (jnp.zeros(shape, jnp.int32),) * 2 + (jnp.zeros(shape, logits.dtype),) * 2
    (hits, predicted, margin, loss), _ = jax.lax.scan(step, none, rows)
    count = jnp.sum(labels == jnp.arange(classes)[:, None], axis=1)
    divisor = jnp.where(count > 0, count, jnp.nan).astype(logits.dtype)[:, None]
    return Table(hits.astype(logits.dtype), predicted.astype(logits.dtype), margin / divisor, loss / divisor, count)


def recall(found: Table) -> Float[Array, "classes subsets"]:
    """Share of a class's examples that are predicted to be of it; NaN for a class without examples.

    A coalition that always predicts one class has full recall of it. F1 does not reward that.
    """
    count = found.count[:, None]
    return jnp.where(count > 0, found.hits / jnp.maximum(count, 1), jnp.nan)


def precision(found: Table) -> Float[Array, "classes subsets"]:
    """Share of what is predicted to be of a class that is; NaN where nothing is predicted to be of it."""
    return jnp.where(found.predicted > 0, found.hits / jnp.maximum(found.predicted, 1), jnp.nan)


def f1(found: Table) -> Float[Array, "classes subsets"]:
    """F1 of telling each class from the rest, 2 TP/(2 TP + FP + FN); NaN for a class without examples."""
    count = found.count[:, None]
    return jnp.where(count > 0, 2 * found.hits / jnp.maximum(count + found.predicted, 1), jnp.nan)


def accuracy(found: Table) -> Float[Array, " subsets"]:
    """Share of all examples that are predicted correctly."""
    return jnp.sum(found.hits, axis=0) / jnp.sum(found.count)


def intact(values: Float[Array | np.ndarray, "*batch subsets"]) -> Float[Array, "*batch"]:
    """The value of the coalition of all units: of the network as it is."""
    return jnp.asarray(values)[..., -1]


def _without(units: int) -> Float[np.ndarray, "subsets units"]:
    """1 for each unit that is not in a subset."""
    return 1.0 - ablation.subsets(units).astype(np.float32)


def _silent(change: Float[Array, "images units"]) -> Bool[Array, "images subsets"]:
    """Whether all units of a subset have the activation that would replace them."""
    units = change.shape[-1]
    changing = jnp.sum((change != 0) << np.arange(units), axis=-1)
    return changing[:, None] & np.arange(2**units) == 0


def _of_image(
    low: Float[Array, "classes lower"],
    high: Float[Array, "classes upper"],
    low_silent: Bool[Array, " lower"],
    high_silent: Bool[Array, " upper"],
    empty: Float[Array, " classes"],
    label: Array,
):
    """One image's predicted class, margin and loss under every coalition."""
    without = _of_row(empty[:, None], label, jnp.zeros_like(empty))

    def row(high, silent):
        values = _of_row(low, label, high)
        return [jnp.where(low_silent & silent, *both) for both in zip(without, values, strict=True)]

    found = jax.lax.platform_dependent(
        high.T,
        high_silent,
        # Here the compiler makes vector instructions of a loop over rows, but not of the table of them all.
        cpu=lambda *rows: jax.lax.map(lambda own: row(*own), rows),
        default=jax.vmap(row),
    )
    return tuple(map(jnp.ravel, found))


def _of_row(low: Float[Array, "classes lower"], label: Array, high: Float[Array, " classes"]):
    """One image's predicted class, margin and loss with one subset of the upper units, and every one of the lower."""
    best, *rest = _sums(low, high)
    predicted = jnp.zeros(best.shape, jnp.int32)
    for number, value in enumerate(rest, start=1):
        larger = value > best
        predicted, best = jnp.where(larger, number, predicted), jnp.where(larger, value, best)
    # The label's own logit last, behind the largest of the others.
    others = jnp.arange(len(low) - 1)
    order = jnp.append(others + (others >= label), jnp.minimum(label, len(low) - 1))
    *rest, own = _sums(low[order], high[order])
    margin = own - reduce(jnp.maximum, rest)
    loss = jnp.log(sum(jnp.exp(value - best) for value in (*rest, own))) + best - own
    return predicted.astype(jnp.uint8), margin, loss


def _sums(low: Float[Array, "classes lower"], high: Float[Array, " classes"]) -> list[Array]:
    """Logits, class by class: as one array they would take twice as long."""
    return [own + other for own, other in zip(low, high, strict=True)]


def _counted(predictions: UInt8[Array, "images subsets"], labels: Int[Array, " images"], classes: int):
    """How many images are predicted to be of each class, rightly and in all; those without a class count nowhere.

    Written out, sums of single bytes are one pass over few bytes; as reductions they take five times as long.
    """

    def total(rows, weights) -> Array:
        none = jnp.zeros(predictions.shape[1], jnp.int8)
        return sum((row * weight for row, weight in zip(rows, weights, strict=True)), none).astype(jnp.int32)

    same = [[(row == own).astype(jnp.int8) for row in predictions] for own in range(classes)]
    known = (labels < classes).astype(jnp.int8)
    hits = [total(rows, (labels == own).astype(jnp.int8)) for own, rows in enumerate(same)]
    return jnp.stack(hits), jnp.stack([total(rows, known) for rows in same])
