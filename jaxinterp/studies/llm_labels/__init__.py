"""Is what a language model is told of a neuron what the neuron does? Pictures, class means and ten largest weights.

The write-up trained networks on XOR and on digits, described every neuron by an image that maximises it, by its mean
activation on each digit and by its ten largest weights, and had a language model put these into words.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxinterp import ensemble
from jaxinterp.studies.claims import Finding, in_words
from jaxinterp.studies.llm_labels import facets, pictures, profiles, weights, widths, xor
from jaxinterp.studies.llm_labels.record import (
    ARMS,
    CONDITIONS,
    SIX,
    STUDY,
    TWELVE,
    XOR,
    LlmLabels,
    asked,
    figure_of,
)
from jaxinterp.studies.subjects import Subject

__all__ = ["LEAST_SEEDS", "RECIPES", "STUDY", "Record", "answer", "findings", "measure"]

RECIPES = {STUDY: 40, TWELVE: 40, XOR: 40}
LEAST_SEEDS = 2  # an interval over networks needs two

Record = LlmLabels

_ROWS = (xor, widths, pictures, profiles, weights, facets)


def measure(subjects: Mapping[str, Subject]) -> LlmLabels:
    """Ask every row's question of the networks that it is about, diverged ones left out."""
    groups = {recipe: asked(subjects[recipe]) for recipe in RECIPES}
    sizes = [ensemble.size(group.networks) for group in groups.values()]
    fields: dict[str, Any] = widths.measure(groups, max(sizes))
    for row in (pictures, facets):
        fields |= row.measure(groups, max(sizes), fields["example"])
    for row in (xor, profiles, weights):
        fields |= row.measure(groups, max(sizes))
    return LlmLabels(
        recipes=tuple(RECIPES),
        arms=ARMS,
        conditions=CONDITIONS,
        classes=tuple(map(str, range(groups[STUDY].networks.model.outputs))),
        networks=np.array(sizes),
        diverged=np.array([group.diverged.sum() for group in groups.values()]),
        widths=np.array([groups[arm].networks.model.widths[0] for arm in ARMS]),
        **fields,
    )


def findings(record: LlmLabels) -> list[Finding]:
    """Every claim judged on the record, row by row."""
    return [finding for row in _ROWS for finding in row.findings(record)]


def answer(record: LlmLabels) -> str:
    """How far what a language model is told of a neuron is what the neuron does."""
    found = {finding.claim.id: finding for finding in findings(record)}

    def said(name: str, yes: str = "yes", no: str = "no") -> str:
        return {"holds": yes, "does not hold": no, "undecided": "undecided"}[found[name].verdict]

    def share(name: str) -> str:
        mean = found[name].measured.mean
        return f"{in_words(100 * mean, 0)} %" if np.isfinite(mean) else "—"

    looks, correlation = found["2.3 looks"], found["2.2 live"].measured.mean
    where = f"with {pictures.OTHERS}" if looks.control_name == pictures.OTHERS else "before training"
    width = record.widths[record.arms.index(SIX)]
    digits = next(other for other in found["2.4 one digit"].others if other.name == profiles.ANSWERS)
    ways = next(other for other in found["2.1 ways"].others if other.name == xor.WAYS)
    return (
        "Does what a language model is told of a neuron tell what it does? "
        f"Its mean on each digit: {said('2.4 digits tell')} ({share('2.4 digits tell')} of a live neuron's variance); "
        f"that it stands for one digit: {said('2.4 one digit')} (it answers to {in_words(digits.estimate.mean, 1)}). "
        f"Its ten largest weights: {said('2.5 incoming')} ({share('2.5 incoming')} of the variance of its input). Its "
        f"picture is the known optimum: {said('2.3 recipe')} ({share('2.3 recipe')} of starts); it looks like the "
        f"images that it answers to: {said('2.3 looks')} (correlation {in_words(looks.measured.mean, 2)}, and "
        f"{in_words(looks.control.mean, 2)} {where}). An output has several facets: "
        f"{said('2.8 outputs')} ({share('2.8 outputs')} of them). Of {width} neurons "
        f"{figure_of(widths.alive(record, SIX), 1)} are alive; that their number tells test accuracy: "
        f"{said('2.2 live')} (rank correlation {in_words(correlation, 2)}). XOR is solved by {share('2.1 solved')} of "
        f"networks, in {in_words(ways.estimate.mean, 0)} ways."
    )
