"""What is a measure of similarity? Its computation for all pairs, and the differences that it ignores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax

# Units permuted; rotated or reflected; all times one positive factor; each plus a constant; in another basis.
Invariance = Literal["permutation", "orthogonal", "isotropic scaling", "translation", "invertible linear"]
Invariances = frozenset[Invariance]

SCALED: Invariances = frozenset[Invariance](("isotropic scaling",))
RELABELLED: Invariances = SCALED | frozenset[Invariance](("permutation",))
MOVED: Invariances = RELABELLED | frozenset[Invariance](("translation",))
ROTATED: Invariances = MOVED | frozenset[Invariance](("orthogonal",))
ANY_BASIS: Invariances = ROTATED | frozenset[Invariance](("invertible linear",))


class Prepared(NamedTuple):
    """What a measure needs of one network, computed once for all its pairs and for every permutation of its examples.

    rows: arrays whose first axis is examples and which are reordered with them. about: what does not depend on the
    order of the examples. defined: whether the network can be compared at all.
    """

    rows: Any
    about: Any
    defined: jax.Array


def _reorder(rows, order):
    return jax.tree.map(lambda leaf: leaf[:, order], rows)


@dataclass(frozen=True)
class Measure:
    """A measure of how similar two layers are on the same examples, and its properties.

    prepare: one network's activations "examples units" → what all its pairs need. compare: several prepared networks
    and several others → "seeds seeds_other", one number per pair. direction: whether higher or lower is more similar.
    range: the smallest and the largest possible value, up to rounding. symmetric: whether the value of (X, Y) is always
    that of (Y, X). invariances: changes of either network's units that do not change the value. least_examples: with
    fewer it is undefined or constant. reorder: several networks' prepared rows, and an order of the examples → the
    reordered rows. unit_by_unit: whether unit k is compared with unit k, so that both networks need the same number of
    units.
    """

    name: str
    prepare: Callable[[jax.Array], Prepared]
    compare: Callable[[Prepared, Prepared], jax.Array]
    direction: Literal["higher", "lower"]
    range: tuple[float, float]
    symmetric: bool
    invariances: Invariances
    least_examples: int
    reorder: Callable[[Any, jax.Array], Any] = _reorder
    unit_by_unit: bool = False

    @property
    def best(self) -> float:
        """The value for equal layers; 1 on the calibrated score."""
        return self.range[1] if self.direction == "higher" else self.range[0]
