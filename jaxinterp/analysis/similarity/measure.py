"""What is a measure of similarity? How it is computed for all pairs, and which differences it does not see."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax

# Units in another order; rotated or reflected; all times one positive factor; each plus a constant; in another basis.
Invariance = Literal["permutation", "orthogonal", "isotropic scaling", "translation", "invertible linear"]
Invariances = frozenset[Invariance]

SCALED: Invariances = frozenset[Invariance](("isotropic scaling",))
RELABELLED: Invariances = SCALED | frozenset[Invariance](("permutation",))
MOVED: Invariances = RELABELLED | frozenset[Invariance](("translation",))
ROTATED: Invariances = MOVED | frozenset[Invariance](("orthogonal",))
ANY_BASIS: Invariances = ROTATED | frozenset[Invariance](("invertible linear",))


class Prepared(NamedTuple):
    """What a measure needs of one network, computed once for all its pairs and for every shuffle of its examples.

    rows: arrays whose first axis is examples and which move with them. about: what stays when examples are reordered.
    defined: whether the network can be compared at all.
    """

    rows: Any
    about: Any
    defined: jax.Array


def _reorder(rows, order):
    return jax.tree.map(lambda leaf: leaf[:, order], rows)


@dataclass(frozen=True)
class Measure:
    """A measure of how alike two layers are on the same examples, and what is known of it.

    prepare: one network's activations "examples units" → what all its pairs need. compare: several prepared networks
    and several others → "seeds seeds_other", a number for each pair. direction: whether the higher or the lower is more
    alike. range: the least and the greatest value there can be, up to rounding. symmetric: whether X with Y is always Y
    with X. invariances: changes of either network's units that leave the value as it is. least_examples: with fewer it
    has no value, or only one.
    reorder: several networks' prepared rows, and the order to put their examples in → those rows. unit_by_unit: whether
    unit k is compared with unit k, so that both networks need as many.
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
        """The value of equal layers, the "maximum" of a calibrated score."""
        return self.range[1] if self.direction == "higher" else self.range[0]
