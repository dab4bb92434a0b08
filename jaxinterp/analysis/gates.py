"""Which Boolean functions do neurons compute? A network of two binary inputs, read from its weights.

On the four corners (00, 01, 10, 11) each ReLU neuron is active or not, so that a network with one hidden layer is,
exactly, a sum of one linear piece for every set of corners on which neurons are active. A gate is such a set.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, folded

CORNERS = ("00", "01", "10", "11")
# Every way in which a line can part the corners: which of them lie on the side where a neuron is active.
GATES = {
    "0000": "never",
    "1111": "always",
    "0011": "x",
    "0101": "y",
    "1100": "¬x",
    "1010": "¬y",
    "0111": "x∨y",
    "0001": "x∧y",
    "1000": "¬x∧¬y",
    "1110": "¬x∨¬y",
    "0010": "x∧¬y",
    "0100": "¬x∧y",
    "1011": "x∨¬y",
    "1101": "¬x∨y",
}
# Swapping the inputs and inverting both, as orders of the corners: XOR stays as it is.
_SYMMETRIES = ((0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0), (3, 1, 2, 0))

Active = Float[np.ndarray, "units corners"]


class Piece(NamedTuple):
    """What the units of one gate add to the output on its corners: on_x · x + on_y · y + constant."""

    gate: str
    on_x: float
    on_y: float
    constant: float


class Solution(NamedTuple):
    """A network's weights, and how it classifies the four corners.

    active: 1 where a neuron is. solved: 1 where all corners are classified correctly; spared and spared_at_mean: 1
    where they still are without this neuron, at 0 and at its mean. fewest: the smallest number of neurons that solve
    XOR with all others at 0; NaN where all of them do not.
    """

    kernel: Float[Array, "inputs neurons"]
    bias: Float[Array, " neurons"]
    outgoing: Float[Array, " neurons"]
    offset: Float[Array, ""]
    active: Float[Array, "neurons corners"]
    outputs: Float[Array, " corners"]
    loss: Float[Array, ""]
    solved: Float[Array, ""]
    spared: Float[Array, " neurons"]
    spared_at_mean: Float[Array, " neurons"]
    fewest: Float[Array, ""]


def solution(network: Network, corners: Dataset) -> Solution:
    """Read a network with one hidden layer and one output, trained by the squared error, from the four corners."""

    def right(logits, labels):
        return metrics.correct("squared_error", logits, labels).astype(logits.dtype)

    logits, activations = network(corners.images)
    (kernel, bias), (outgoing, offset) = folded(network)
    (layer,) = network.model.layers
    kept = ablation.subsets(layer.units)
    size = kept.sum(axis=1)
    solves = ablation.groups(network, corners, ~kept, kind="zero", site=layer.post, measure=right).all(axis=1)
    at_mean = ablation.units(network, corners, kind="mean", site=layer.post, measure=right).all(axis=1)
    without_one = kept[size == kept.shape[1] - 1]
    lacking = np.argsort(np.argmin(without_one, axis=1))  # in the order of the neuron that is lacking
    solved = solves[-1]
    return Solution(
        kernel=kernel,
        bias=bias,
        outgoing=outgoing[:, 0],
        offset=offset[0],
        active=(activations[layer.post] > 0).T.astype(float),
        outputs=logits[:, 0],
        loss=jnp.mean(metrics.losses("squared_error", logits, corners.labels)),
        solved=solved.astype(float),
        spared=solves[size == kept.shape[1] - 1][lacking].astype(float),
        spared_at_mean=at_mean.astype(float),
        fewest=jnp.where(solved, jnp.min(jnp.where(solves, size, jnp.inf)), jnp.nan),
    )


def way(active: Active) -> tuple[str, ...]:
    """The gates that a network uses, sorted; the same for networks that differ by swapping or inverting the inputs.

    active: 1 where a unit is active. Units that are never active do not count, nor how many units share a gate.
    """
    used = [unit > 0 for unit in active if unit.any()]
    return min(tuple(sorted({_name(unit[list(order)]) for unit in used})) for order in _SYMMETRIES)


def pieces(
    kernel: Float[np.ndarray, "inputs units"],
    bias: Float[np.ndarray, " units"],
    outgoing: Float[np.ndarray, " units"],
    active: Active,
) -> list[Piece]:
    """A network's linear pieces by gate; the output is their sum on each corner, plus the output's bias."""
    terms = np.concatenate([kernel, bias[None]]) * outgoing
    names = np.array([_name(unit > 0) for unit in active])
    used = sorted(set(names[active.any(axis=1)]))
    return [Piece(str(gate), *map(float, terms[:, names == gate].sum(axis=1))) for gate in used]


def spelled(gates: tuple[str, ...]) -> str:
    """Gates in logical notation."""
    return " + ".join(GATES.get(gate, gate) for gate in gates) or "constant"


def _name(active) -> str:
    return "".join(str(int(corner)) for corner in active)
