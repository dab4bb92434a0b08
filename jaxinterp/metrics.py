"""How good is a prediction? Loss, correctness and margin per example; callers average."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Shaped

from jaxinterp.errors import InputError

__all__ = ["Arrays", "by_class", "check_class", "correct", "f1", "losses", "margins", "predictions"]

Arrays = Array | np.ndarray


def losses(kind: str, logits: Float[Arrays, "*batch outputs"], labels: Int[Arrays, "*batch"]) -> Float[Array, "*batch"]:
    """Loss of each example: cross-entropy or binary cross-entropy in nats, or squared error.

    Binary cross-entropy needs one output and labels 0 and 1. Squared error is (output − label)² for one output; for
    several outputs it is the mean over outputs of (output − one-hot label)².
    """
    if kind == "cross_entropy":
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if kind == "binary_cross_entropy":
        return optax.sigmoid_binary_cross_entropy(logits[..., 0], labels.astype(logits.dtype))
    outputs = logits.shape[-1]
    targets = labels[..., None].astype(logits.dtype) if outputs == 1 else jax.nn.one_hot(labels, outputs)
    return jnp.mean((logits - targets) ** 2, axis=-1)


def predictions(kind: str, logits: Float[Arrays, "*batch outputs"]) -> Int[Array, "*batch"]:
    """The predicted class of each example.

    With several outputs it is the largest logit. One output predicts class 1 above a threshold: ½ under squared error,
    0 otherwise.
    """
    if logits.shape[-1] > 1:
        return jnp.argmax(logits, axis=-1)
    return jnp.greater(logits[..., 0], 0.5 if kind == "squared_error" else 0.0).astype(jnp.int32)


def correct(kind: str, logits: Float[Arrays, "*batch outputs"], labels: Int[Arrays, "*batch"]) -> Bool[Array, "*batch"]:
    """Whether each prediction is correct."""
    return jnp.equal(predictions(kind, logits), labels)


def margins(logits: Float[Arrays, "*batch outputs"], labels: Int[Arrays, "*batch"]) -> Float[Array, "*batch"]:
    """The label's logit minus the largest other logit: positive where the prediction is correct.

    Raises InputError for fewer than two outputs.
    """
    if logits.shape[-1] < 2:
        raise InputError("a margin needs at least 2 outputs, got 1")
    chosen = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    others = jnp.where(jax.nn.one_hot(labels, logits.shape[-1], dtype=bool), -jnp.inf, logits)
    return chosen - jnp.max(others, axis=-1)


def by_class(
    values: Shaped[Arrays, "*batch examples"], labels: Int[Arrays, " examples"], *, classes: int
) -> Float[Array, "*batch classes"]:
    """Mean of the values over the examples of each class; NaN for a class without examples."""
    members = jnp.equal(labels[:, None], jnp.arange(classes)).astype(jnp.float32)
    count = jnp.sum(members, axis=0)
    total = jnp.matmul(values.astype(jnp.float32), members, precision=jax.lax.Precision.HIGHEST)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)


def f1(
    confusion: Float[Arrays, "*batch classes predictions"], count: Shaped[Arrays, " classes"]
) -> Float[Array, "*batch classes"]:
    """F1 of telling each class from the rest, 2 TP/(2 TP + FP + FN), from shares of each class's examples.

    count: examples of each class. A class that every example is predicted to be has perfect recall, but no high F1. NaN
    for a class without examples.
    """
    count = jnp.asarray(count, jnp.float32)
    number = jnp.nan_to_num(jnp.asarray(confusion)) * count[:, None]
    true, predicted = jnp.diagonal(number, axis1=-2, axis2=-1), jnp.sum(number, axis=-2)
    return jnp.where(count > 0, 2 * true / jnp.where(count > 0, count + predicted, 1), jnp.nan)


def check_class(label: int, classes: int) -> None:
    """Raise InputError for a class that the network does not have."""
    if not 0 <= label < classes:
        raise InputError(f"no class {label}: the network has classes 0 to {classes - 1}")
