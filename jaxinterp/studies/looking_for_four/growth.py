"""When is it settled what a neuron looks at? Row 5.3: weights over training, and the direction in which pixels move."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from jaxinterp import stats, store
from jaxinterp.analysis import attribution, correlation
from jaxinterp.networks import Network
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.looking_for_four.asked import LIT, Asked, layers
from jaxinterp.studies.looking_for_four.record import (
    UNTRAINED,
    LookingForFour,
    calibrated_score,
    claim,
    estimate,
)
from jaxinterp.studies.subjects import blanked

KEPT = "kept"
SHOWN = 6

SETTLED = 0.5  # more than half of the way from where it began
ONWARD = 0.5  # three pixels go on as they began for one that turns back


def measure(asked: Asked) -> dict[str, Any]:
    """The record's fields of row 5.3."""
    subject, lit = asked.subject, jnp.asarray(asked.lit)
    by_epoch = _over_training(asked)
    look = jax.jit(jax.vmap(_maps))
    maps = {name: look(network) for name, network in by_epoch.items()}
    begun, final = maps[UNTRAINED], maps[KEPT]
    compare = jax.jit(jax.vmap(lambda begun, now, final: _compare(begun, now, final, lit)))
    found = [blanked(compare(begun, now, final), subject.diverged) for now in maps.values()]
    onward = jax.jit(jax.vmap(lambda begun, now, final: _onward(begun, now, final, lit)))
    early = maps[first_snapshot(tuple(by_epoch))]
    kept_on, kept_on_other = blanked(onward(begun, early, final), subject.diverged)
    shown = np.linspace(0, final[0].shape[1] - 1, min(SHOWN, final[0].shape[1])).astype(int)
    settled, other, moved = (np.stack(values, axis=1) for values in zip(*found, strict=True))
    return {
        "snapshots": tuple(by_epoch),
        "settled": settled,
        "settled_other": other,
        "moved": moved,
        "kept_on": kept_on,
        "kept_on_other": kept_on_other,
        "growth_unit": shown,
        "growth": np.stack([np.asarray(of_epoch[0])[asked.example, shown] for of_epoch in maps.values()], axis=1),
    }


def first_snapshot(snapshots: tuple[str, ...]) -> str:
    """The earliest weights after training began: those after one epoch, where they were kept."""
    return snapshots[1]


def _over_training(asked: Asked) -> dict[str, Network]:
    """The networks untrained, at every snapshot that the run holds, and as they were kept."""
    subject = asked.subject
    kept = [e for e in subject.run.config.train.snapshots if e and (subject.path / "snapshots" / str(e)).is_dir()]
    snapshots = {f"epoch {epoch}": store.load(subject.path, epoch=epoch).networks for epoch in kept}
    return {UNTRAINED: asked.seen[UNTRAINED].network, **snapshots, KEPT: subject.run.networks}


def _maps(network: Network) -> tuple[Array, ...]:
    return tuple(attribution.weights(network, site=f"{layer}/pre") for layer in layers(network.model))


def _compare(
    begun: tuple[Array, ...], now: tuple[Array, ...], final: tuple[Array, ...], lit: Bool[Array, " pixels"]
) -> tuple[Array, Array, Array]:
    """Correlation with the final map, the same with another neuron's, and the share of the way that is gone."""
    found = []
    for start, here, end in zip(begun, now, final, strict=True):
        way, gone = (jnp.where(lit, maps - start, 0) for maps in (end, here))
        length = jnp.sum(way**2, axis=1)
        moved = jnp.sum(way * gone, axis=1) / jnp.where(length > 0, length, jnp.nan)
        own, other = (correlation.rowwise(here, target, lit) for target in (end, jnp.roll(end, 1, axis=0)))
        found.append([jnp.nanmean(values) for values in (own, other, moved)])
    own, other, moved = (jnp.stack(values) for values in zip(*found, strict=True))
    return own, other, moved


def _onward(
    begun: tuple[Array, ...], early: tuple[Array, ...], final: tuple[Array, ...], lit: Bool[Array, " pixels"]
) -> tuple[Array, Array]:
    """Share of (neuron, lit pixel) that moves on as it began: by its own beginning, and by another neuron's."""
    found = []
    for start, here, end in zip(begun, early, final, strict=True):
        first, later = jnp.sign(here - start), jnp.sign(end - here)
        own, other = (jnp.where(later == 0, jnp.nan, later == way) for way in (first, jnp.roll(first, 1, axis=0)))
        found.append([jnp.nanmean(values, where=lit) for values in (own, other)])
    own, other = (jnp.stack(values) for values in zip(*found, strict=True))
    return own, other


def findings(record: LookingForFour) -> list[Finding]:
    """Row 5.3 judged, layer by layer; nothing where no weights were kept on the way."""
    if first_snapshot(record.snapshots) == KEPT:
        return []
    return [judge(record, layer) for layer in range(len(record.layers)) for judge in (_settled, _direction)]


def _settled(record: LookingForFour, layer: int) -> Finding:
    name, early = record.layers[layer], first_snapshot(record.snapshots)
    row = claim(
        f"5.3 settled {name}",
        f"{name}: what a neuron looks at is settled early: correlation of its weights after {early} with the kept ones",
        calibrated_score("its weights before training"),
        low=SETTLED,
    )
    place = record.snapshots.index(early)
    own, begun = record.settled[:, place, layer], record.settled[:, 0, layer]
    others = {"another neuron's kept weights": record.settled_other[:, place, layer]}
    others |= {
        f"after {name}": record.settled[:, step, layer]
        for step, name in enumerate(record.snapshots)
        if step > place and name != KEPT
    }
    note = (
        f"Mean over neurons, over pixels that are lit in at least {LIT:.0%} of the training images; from the second "
        f"layer pushed back. Share of the way gone after {early}: {estimate(record.moved[:, place, layer]).mean:.2f}."
    )
    score = np.clip(stats.calibrated(own, begun), -1, 1)
    return judged(row, own, begun, UNTRAINED, score, others=others, note=note)


def _direction(record: LookingForFour, layer: int) -> Finding:
    name, early = record.layers[layer], first_snapshot(record.snapshots)
    row = claim(
        f"5.3 direction {name}",
        f"{name}: pixels go on in the direction in which they begin: share of (neuron, pixel) that moves after {early} "
        "as it did before",
        "twice the share less 1",
        low=ONWARD,
    )
    own, other = record.kept_on[:, layer], record.kept_on_other[:, layer]
    return judged(row, own, other, "another neuron's beginning", 2 * own - 1, note="Over the lit pixels.")
