"""How does XOR get solved, read from the weights? Row 2.1.

On the four corners each neuron of a 2-4-1 ReLU network either fires or does not, so that the network is, exactly, a
sum of one linear piece for every set of corners on which neurons fire. Which sets these are is the kind of its
solution, but for what leaves XOR as it is: swapping the two inputs, and inverting both.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import metrics, stats
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import Estimate, indicator, known_mean, over_seeds_estimate
from jaxinterp.studies.claims import Control, Finding
from jaxinterp.studies.llm_labels.judging import claimed, judged_shares
from jaxinterp.studies.llm_labels.record import (
    MOST,
    SITE,
    TRAINED,
    UNTRAINED,
    XOR,
    Asked,
    LlmLabels,
    ask,
    ask_both,
    laid_out,
    left_out,
)
from jaxinterp.studies.subjects import blanked

CORNERS = ("00", "01", "10", "11")
PUBLISHED_LOSS = 2.18e-6
WAYS = "ways found"
LEAST_DEAD, MOST_DEAD = 1 / 8, 3 / 8  # nearer to one neuron in four than to none or to two
# Every way in which a line can part the corners: which lie on the side where a neuron fires.
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
# What leaves XOR as it is, as orders of the corners.
_SYMMETRIES = ((0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0), (3, 1, 2, 0))


class Piece(NamedTuple):
    """What all neurons that fire on the same corners add to the output there: on_x · x + on_y · y + constant."""

    gate: str
    on_x: float
    on_y: float
    constant: float


def measure(groups: Mapping[str, Asked], seeds: int) -> dict[str, Any]:
    """The record's fields of row 2.1."""
    group = groups[XOR]
    networks, corners = group.networks, group.splits.test
    params = networks.variables["params"]
    found = {
        "xor_kernel": params["hidden0"]["kernel"],
        "xor_bias": params["hidden0"]["bias"],
        "xor_outgoing": params["output"]["kernel"][..., 0],
        "xor_offset": params["output"]["bias"][..., 0],
        **ask_both(responses, group, corners, chunk=8),
        **ask(ablated, networks, corners, chunk=8),
    }
    found = blanked(found, group.diverged)
    return {"corners": CORNERS} | {name: laid_out(name, [values], seeds=seeds) for name, values in found.items()}


def responses(network: Network, corners: Dataset) -> dict[str, Array]:
    """The response table: where each neuron fires, the output, and the loss."""
    logits, activations = network(corners.images)
    return {
        "xor_gates": (activations[SITE] > 0).T.astype(jnp.float32),
        "xor_outputs": logits[:, 0],
        "xor_loss": jnp.mean(metrics.losses("squared_error", logits, corners.labels)),
    }


def ablated(network: Network, corners: Dataset) -> dict[str, Array]:
    """Which corners are answered rightly by every subset of neurons alone, and with each neuron at its mean."""

    def right(logits, labels):
        return metrics.correct("squared_error", logits, labels).astype(logits.dtype)

    options: dict[str, Any] = {"site": SITE, "measure": right}
    without = ~subsets(network.model.widths[0])
    return {
        "xor_kept": ablation.groups(network, corners, without, kind="zero", **options),
        "xor_mean_ablated": ablation.units(network, corners, kind="mean", **options),
    }


def subsets(neurons: int) -> Bool[np.ndarray, "subsets neurons"]:
    """Every subset: the bits of its number say which neurons are in it, so the last has all of them."""
    return (np.arange(2**neurons)[:, None] >> np.arange(neurons)) % 2 == 1


def pieces(record: LlmLabels, seed: int) -> list[Piece]:
    """One trained network, read: its linear pieces, besides the constant `xor_offset`."""
    found: dict[str, np.ndarray] = {}
    gates = record.xor_gates[seed, record.conditions.index(TRAINED)]
    for neuron, gate in enumerate(gates):
        terms = np.array([*record.xor_kernel[seed, :, neuron], record.xor_bias[seed, neuron]])
        name = "".join(str(int(fires)) for fires in gate)
        if gate.any():
            found[name] = found.get(name, np.zeros(3)) + record.xor_outgoing[seed, neuron] * terms
    return [Piece(name, *map(float, found[name])) for name in sorted(found)]


def kind(gates: Float[np.ndarray, "neurons corners"]) -> tuple[str, ...]:
    """The sets of corners on which neurons fire, in the first of the four orders that XOR does not tell apart."""
    fired = {tuple(int(fires) for fires in gate) for gate in gates if gate.any()}
    turned = [tuple(sorted("".join(str(gate[place]) for place in order) for gate in fired)) for order in _SYMMETRIES]
    return min(turned)


def kinds(record: LlmLabels, condition: str = TRAINED) -> list[tuple[str, ...] | None]:
    """The kind of every network; None for those that are not there."""
    gates = record.xor_gates[:, record.conditions.index(condition)]
    return [None if np.isnan(own).any() else kind(own) for own in gates]


def solved(record: LlmLabels, condition: str = TRAINED) -> Float[np.ndarray, " seeds"]:
    """1 where all four corners are answered rightly."""
    outputs = record.xor_outputs[:, record.conditions.index(condition)]
    right = (outputs > 0.5) == np.array([0, 1, 1, 0])
    return indicator(right.all(axis=1), outputs[:, 0])


def counted(record: LlmLabels) -> Counter:
    """How many of the networks that solve XOR do so in each way."""
    return Counter(
        own for own, right in zip(kinds(record), solved(record), strict=True) if own is not None and right == 1
    )


def needed(record: LlmLabels) -> Float[np.ndarray, " seeds"]:
    """The fewest neurons of a network that solve XOR alone; NaN where all of them do not."""
    enough = record.xor_kept.all(axis=2)
    count = subsets(record.xor_bias.shape[1]).sum(axis=1)
    return np.where(solved(record) == 1, np.where(enough, count, np.inf).min(axis=1), np.nan)


def spelled(own: tuple[str, ...]) -> str:
    """A kind in words."""
    return " + ".join(GATES.get(gate, gate) for gate in own) or "constant"


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.1 judged."""
    apart = left_out(record, XOR)
    before, after = (record.conditions.index(condition) for condition in (UNTRAINED, TRAINED))
    count = record.xor_bias.shape[1]
    right, right_before = solved(record), solved(record, UNTRAINED)
    loss = record.xor_loss[:, after]
    low = indicator(loss <= PUBLISHED_LOSS, loss)
    low_before = indicator(record.xor_loss[:, before] <= PUBLISHED_LOSS, record.xor_loss[:, before])
    never = indicator(~record.xor_gates.any(axis=3), record.xor_gates[..., 0])
    dead = known_mean(never, 2)
    known = loss[np.isfinite(loss)]
    middle = f"{np.median(known):.2g}" if len(known) else "—"
    text = "Training solves XOR: all four corners are answered rightly"
    claim = claimed("2.1 solved", text, "share of networks", MOST, published="one network")
    note = f"Rightly: the output is nearer to its target, 0 or 1, than to the other.{apart}"
    found = [judged_shares(claim, right, right_before, UNTRAINED, right, note=note)]

    text = "Training ends at the published loss or below it"
    claim = claimed("2.1 loss", text, "share of networks", MOST, published=f"{PUBLISHED_LOSS:g}")
    note = f"Mean squared error on the four corners, median over networks {middle}.{apart}"
    others = {"of those that solve it": np.where(right == 1, low, np.nan)}
    found.append(judged_shares(claim, low, low_before, UNTRAINED, low, others=others, note=note))

    text = "One neuron in four is dead"
    claim = claimed("2.1 dead", text, "share of neurons", LEAST_DEAD, MOST_DEAD, published="1 of 4")
    of = {"networks that solve it": np.where(right == 1, dead[:, after], np.nan)}
    of |= {f"networks with {k} dead": indicator(never[:, after].sum(axis=1) == k, loss) for k in range(count + 1)}
    note = f"Dead: fires on none of the four corners.{apart}"
    found.append(judged_shares(claim, dead[:, after], dead[:, before], UNTRAINED, dead[:, after], others=of, note=note))
    return [*found, _fewer(record, right, apart), _kinds(record, right, apart)]


def _fewer(record: LlmLabels, right, apart: str) -> Finding:
    gates = record.xor_gates[:, record.conditions.index(TRAINED)]
    count = gates.shape[1]
    singles = subsets(count).sum(axis=1) == count - 1
    order = np.argmax(~subsets(count)[singles], axis=1)  # which neuron each of these subsets lacks
    enough = np.asarray(record.xor_kept.all(axis=2))[:, singles][:, np.argsort(order)] == 1
    fires, solves = gates.any(axis=2), right == 1

    def share(spare):
        return np.where(solves, spare.any(axis=1), np.nan)

    spare = share(enough & fires)
    at_random = np.where(solves, known_mean(np.where(fires, enough, np.nan), 1), np.nan)
    fewest = needed(record)
    others = {
        "without one of the live, at its mean": share(record.xor_mean_ablated.all(axis=2) & fires),
        "without one of all, dead ones among them": share(enough),
        "fewest neurons that solve it alone": over_seeds_estimate(fewest),
        **{f"networks that need {k}": indicator(fewest == k, fewest) for k in range(1, count + 1)},
    }
    text = "Fewer neurons are needed than are alive: XOR is still solved without one of the live ones, at 0"
    claim = claimed("2.1 fewer", text, "share of the networks that solve it", MOST, published="one of them is dead")
    note = (
        "Control: one live neuron at random, not the one that can best be spared. A dead neuron can always be spared. "
        f"Zero-ablation of each neuron and of every subset; two ReLU neurons can solve XOR, and one cannot.{apart}"
    )
    return judged_shares(claim, spare, at_random, "a live neuron at random", spare, others=others, note=note)


def _kinds(record: LlmLabels, right, apart: str) -> Finding:
    def same(condition, kept):
        own = kinds(record, condition)
        known = [gates if gates is not None and keep else None for gates, keep in zip(own, kept, strict=True)]
        return np.array([[np.nan if a is None or b is None else float(a == b) for b in known] for a in known])

    after, before = same(TRAINED, right == 1), same(UNTRAINED, np.isfinite(right))
    own, control = stats.over_pairs_estimate(after), stats.over_pairs_estimate(before)
    counts = counted(record)
    common = "; ".join(f"{spelled(gates)} ({times})" for gates, times in counts.most_common(3))
    text = "One network shows how XOR is solved: two networks solve it in the same way"
    claim = claimed("2.1 ways", text, "share of pairs of networks that solve it", MOST, published="one network read")
    note = (
        "A way: on which sets of corners neurons fire, but for swapping the inputs and inverting both. "
        f"{len(counts)} ways among {sum(counts.values())} networks; the commonest: {common or '—'}.{apart}"
    )
    ways = Estimate(float(len(counts)), np.nan, np.nan, np.nan, sum(counts.values()))
    return Finding(claim, own, control, f"{UNTRAINED}, all networks", own, (Control(WAYS, ways),), note)
