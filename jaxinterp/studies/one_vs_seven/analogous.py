"""Are the neurons that one network uses found in another? Row 1.12: the best match of each, over all pairs of networks.

A unit's match is chosen by its correlation on one half of the test images and scored on the other. Any two units that
tell 1s from 7s correlate, so the figure stands beside images shuffled within their class, other units, and untrained
networks.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import controls, stats
from jaxinterp.analysis import responses
from jaxinterp.ensemble import over_seeds
from jaxinterp.studies.claims import Claim, Control, Finding, Rule
from jaxinterp.studies.one_vs_seven.record import (
    ARMS,
    LARGEST_GROUP,
    LAYERS,
    MOST,
    ONE,
    PLAIN,
    SEVEN,
    SMALL,
    STUDY,
    OneVsSeven,
    bounded,
    group_size,
    key_of,
    left_out,
)
from jaxinterp.studies.subjects import Subject, blanked_pairs

TRAINED, CLASS, OTHERS, UNTRAINED = COMPARISONS = ("trained", "shuffled within class", "random units", "untrained")

Activations = Float[Array, "seeds examples units"]


def measure(subjects: Mapping[str, Subject], seeds: int) -> dict[str, Any]:
    """The record's fields of row 1.12."""
    found = np.full((len(COMPARISONS), len(ARMS), len(LAYERS), seeds, seeds), np.nan)
    for place, (arm, key) in enumerate(zip(ARMS, jax.random.split(key_of(subjects, 4), len(ARMS)), strict=True)):
        values = blanked_pairs(_compare(subjects[arm], key), subjects[arm].diverged)
        found[:, place, :, : values.shape[-1], : values.shape[-1]] = values
    return {"comparisons": COMPARISONS, "analogy": found}


def findings(record: OneVsSeven) -> list[Finding]:
    """Row 1.12 judged, in the wide and in the small networks."""
    deciding = (CLASS, OTHERS, UNTRAINED)
    rule = Rule(
        f"mean correlation, 0 for the highest of {', '.join(deciding)} and 1 for identity; at most ±1", low=MOST
    )
    plain, found = record.arms.index(PLAIN), []
    for arm in (STUDY, SMALL):
        for place, layer in enumerate(record.layers):
            matrices = record.analogy[:, record.arms.index(arm), place]
            beside = stats.over_pairs_estimate(record.analogy[0, plain, place]).mean
            text = f"The units of {layer} that tell 1s from 7s have their like in other networks" + (
                ", small ones" if arm == SMALL else ""
            )
            claim = Claim(STUDY, f"1.12 {'small ' if arm == SMALL else ''}{layer}", text, "—", rule)
            note = (
                f"The {LARGEST_GROUP} units of largest class difference (a quarter where that is less), each with its "
                f"best match; units and matches are chosen on one half of the images. In the wide networks without "
                f"dropout {beside:.3f}. {left_out(record, arm)}"
            )
            finding = judge(claim, dict(zip(record.comparisons, matrices, strict=True)), deciding, note)
            found.append(finding._replace(score=bounded(finding.score)))
    return found


def judge(claim: Claim, by_condition: dict[str, np.ndarray], deciding: tuple[str, ...], note: str) -> Finding:
    """A finding from a matrix over pairs for the trained networks and for each null.

    The control that decides is the highest of those named in `deciding`.
    """
    estimates = {name: stats.over_pairs_estimate(values) for name, values in by_condition.items()}
    chosen = max(deciding, key=lambda name: np.nan_to_num(estimates[name].mean, nan=-np.inf))
    control = by_condition[chosen]
    means = estimates[TRAINED].mean, estimates[chosen].mean
    score = stats.over_pairs_estimate(stats.calibrated_parts(by_condition[TRAINED], control, *means))
    others = tuple(Control(name, value) for name, value in estimates.items() if name not in (TRAINED, chosen))
    return Finding(claim, estimates[TRAINED], estimates[chosen], chosen, score, others, note.strip())


def best_matches(
    activations: Activations, others: Activations, units: Int[Array, "seeds picked"]
) -> Float[Array, "seeds seeds"]:
    """Mean correlation of the picked units of each network with their best match in each of the others.

    The match is the unit of largest absolute correlation on the even examples; scored is its correlation on the odd
    ones, negative where the sign has changed. A constant unit correlates 0 with any other.
    """
    chosen, scored = ([_standardised(part[:, start::2]) for part in (activations, others)] for start in (0, 1))
    picked = [jnp.take_along_axis(part[0], units[:, None], axis=2) for part in (chosen, scored)]
    even, odd = (
        jnp.einsum("aep,beu->abpu", own, part[1], precision=jax.lax.Precision.HIGHEST)
        for own, part in zip(picked, (chosen, scored), strict=True)
    )
    match = jnp.argmax(jnp.abs(even), axis=-1)[..., None]
    sign = jnp.sign(jnp.take_along_axis(even, match, axis=-1))
    return jnp.mean((sign * jnp.take_along_axis(odd, match, axis=-1))[..., 0], axis=-1)


def _compare(subject: Subject, key) -> Float[Array, "comparisons layers seeds seeds"]:
    """One arm's matches under COMPARISONS, layer by layer."""
    networks, before, test = subject.run.networks, subject.untrained(), subject.splits.test
    labels = jnp.asarray(test.labels)

    @jax.jit
    def compare(trained: Activations, initial: Activations, key):
        shuffle_key, unit_key = jax.random.split(key)
        shuffled = jnp.moveaxis(controls.shuffled_within_class(shuffle_key, jnp.moveaxis(trained, 1, 0), labels), 0, 1)
        size = group_size(trained.shape[-1])
        alive = jnp.max(trained[:, 0::2], axis=1) > jnp.min(trained[:, 0::2], axis=1)
        noise = jnp.where(alive, jax.random.uniform(unit_key, alive.shape), -1)
        found, first = _found(trained, labels, size), _found(initial, labels, size)
        return jnp.stack(
            [
                best_matches(trained, trained, found),
                best_matches(trained, shuffled, found),
                best_matches(trained, trained, jax.lax.top_k(noise, size)[1]),
                best_matches(initial, initial, first),
            ]
        )

    layers = []
    for layer, own in zip(LAYERS, jax.random.split(key, len(LAYERS)), strict=True):
        read = jax.jit(over_seeds(lambda network, layer=layer: network(test.images)[1][f"{layer}/post"]))
        layers.append(compare(read(networks), read(before), own))
    return jnp.stack(layers, axis=1)


def _found(activations: Activations, labels: Array, size: int) -> Int[Array, "seeds picked"]:
    """The units of largest class difference, on the even examples."""

    def one(activations):
        return jnp.abs(responses.class_difference(activations, labels[0::2], ONE, SEVEN))

    return jax.lax.top_k(jax.vmap(one)(activations[:, 0::2]), size)[1]


def _standardised(activations: Activations) -> Activations:
    """Centred over examples, of length 1; 0 for a unit that is constant."""
    constant = jnp.max(activations, axis=1, keepdims=True) == jnp.min(activations, axis=1, keepdims=True)
    centred = jnp.where(constant, 0, activations - jnp.mean(activations, axis=1, keepdims=True))
    length = jnp.linalg.norm(centred, axis=1, keepdims=True)
    return centred / jnp.where(length > 0, length, 1)
