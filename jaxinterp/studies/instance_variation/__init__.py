"""Do two trainings find the same features? Similarity of activations, of what units look at, and of what lights them.

The write-up compared two trained networks: their activations in order and sorted, and, by eye, what their units look
at; and it asked what parts of digits do. Here every figure is over pairs of many networks, or over all of them, and
stands beside networks that were not trained and beside what chance gives.
"""

from collections.abc import Mapping

import jax

from jaxinterp.studies.claims import Finding
from jaxinterp.studies.instance_variation import attention, features, maps, scatter, strokes
from jaxinterp.studies.instance_variation.record import (
    L1,
    ONE_DIGIT,
    PERMUTED,
    STUDY,
    TRAINED,
    UNTRAINED,
    InstanceVariation,
    judge,
    layers_of,
)
from jaxinterp.studies.subjects import Subject

__all__ = [
    "LEAST_SEEDS",
    "OPTIONAL",
    "RECIPES",
    "STUDY",
    "TRAINED",
    "UNTRAINED",
    "InstanceVariation",
    "Record",
    "answer",
    "findings",
    "judge",
    "measure",
]

RECIPES = {STUDY: 32}
# Asked where they are among the subjects; rows that are about them are left out where they are not.
OPTIONAL = {PERMUTED: 8, L1: 8, ONE_DIGIT: 8}
LEAST_SEEDS = 2  # it compares pairs

Record = InstanceVariation


def measure(subjects: Mapping[str, Subject]) -> InstanceVariation:
    """Ask the study's own networks every question, and those of the arms that are there what they look at."""
    run = subjects[STUDY].run
    key = jax.random.key(run.config.train.base_seed)
    map_key, stroke_key = jax.random.split(jax.random.fold_in(key, 1))
    fields = features.measure(subjects, key)
    left_out = fields["left_out"]
    asked = maps.arms(subjects, left_out)
    layers = {layer: maps.read(asked, layer, map_key) for layer in layers_of(run.networks.model)}
    fields |= scatter.measure(asked, layers)
    fields |= attention.measure(asked, layers)
    fields |= strokes.measure(subjects, left_out, stroke_key)
    return InstanceVariation(**fields)


def findings(record: InstanceVariation) -> list[Finding]:
    """Every claim judged on the record, row by row; what goes beyond the write-up's rows stands after 3.3."""
    parts = (features, scatter, attention, strokes)
    found = [finding for part in parts for finding in part.findings(record)]
    return sorted(found, key=lambda finding: _row(finding.claim.id))


def answer(record: InstanceVariation) -> str:
    """The write-up's question, answered by the numbers."""
    found = {finding.claim.id: finding for finding in findings(record)}
    alike, in_order, matched = (
        [f for name, f in found.items() if name.startswith(start)] for start in ("CKA", "3.2", "matched")
    )
    looked = [found[f"3.5 {layer} used"] for layer in record.layers if layer != "logits"]
    says = {"holds": "yes", "does not hold": "no", "undecided": "undecided"}

    def told(findings: list[Finding]) -> str:
        figures = ", ".join(f"{f.measured.mean:.2f} beside {f.control.mean:.2f} ({f.control_name})" for f in findings)
        return f"{', '.join(says[f.verdict] for f in findings)} ({figures})"

    return (
        f"Do two trainings find the same features? Sorted similarity cannot say: it beats its controls in "
        f"{sum(f.verdict == 'holds' for f in in_order)} of {len(in_order)} comparisons. Layer by layer, by CKA: "
        f"{told(alike)}; by matched units' activations: {told(matched)}; by the pixels that these look at: "
        f"{told(looked)}."
    )


def _row(name: str) -> float:
    first = name.split()[0]
    return float(first) if first[0].isdigit() else 3.35
