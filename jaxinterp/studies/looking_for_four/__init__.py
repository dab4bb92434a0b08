"""Is there a neuron that looks for a 4? Focus, growth, maps and templates of every neuron, over a ladder of networks.

The write-up looked at one network's weights by eye: its most focused neurons, weights over training, the output weights
of 4 pushed back to the pixels, and the neuron that tells 4s apart best, which looked like a 4. Here each is a number of
many networks, beside the same networks before training and beside digits that are turned or mirrored.
"""

from collections.abc import Mapping

import numpy as np

from jaxinterp.studies.claims import Finding, in_words, left_out
from jaxinterp.studies.looking_for_four import asked, backwards, focus, growth, ladder, likeness, tracing
from jaxinterp.studies.looking_for_four.likeness import USED
from jaxinterp.studies.looking_for_four.record import (
    CONDITIONS,
    KINDS,
    LIKEST_TURN,
    STUDY,
    TARGET,
    TURNS,
    LookingForFour,
)
from jaxinterp.studies.subjects import Subject

__all__ = ["LEAST_SEEDS", "OPTIONAL", "RECIPES", "STUDY", "Record", "answer", "findings", "measure"]

RECIPES = {STUDY: 32}
# The rungs before the last; rows of 5.1 that are about them are left out where they are not there.
OPTIONAL = {rung: 32 for rung in ladder.RUNGS if rung != STUDY}
LEAST_SEEDS = 2  # an interval over seeds needs two

Record = LookingForFour

_PARTS = (ladder, focus, growth, backwards, tracing, likeness)


def measure(subjects: Mapping[str, Subject]) -> LookingForFour:
    """Ask the study's own networks every question, and what rungs of the ladder are there how well they answer."""
    subject = subjects[STUDY]
    found = asked.ask(subject)
    fields = ladder.measure(subjects)
    for part in _PARTS[1:]:
        fields |= part.measure(found)
    return LookingForFour(
        classes=tuple(map(str, range(subject.run.networks.model.outputs))),
        layers=asked.layers(subject.run.networks.model),
        conditions=CONDITIONS,
        kinds=KINDS,
        turns=TURNS,
        diverged=subject.diverged,
        example_seed=np.array(found.example),
        widths=np.array(subject.run.networks.model.widths),
        templates=found.templates[:, 0],
        **fields,
    )


def findings(record: LookingForFour) -> list[Finding]:
    """Every claim judged on the record, row by row."""
    found = [finding for part in _PARTS for finding in part.findings(record)]
    apart = left_out(int(record.diverged.sum()), len(record.diverged))
    return [finding._replace(note=f"{finding.note} {apart}".strip()) for finding in found]


def answer(record: LookingForFour) -> str:
    """The write-up's question, answered by the numbers."""
    found = {finding.claim.id: finding for finding in findings(record)}
    says = {"holds": "yes", "does not hold": "no", "undecided": "undecided"}

    def told(finding: Finding) -> str:
        return f"{says[finding.verdict]} ({in_words(finding.measured.mean)} beside {in_words(finding.control.mean)})"

    by_layer = []
    for layer in record.layers:
        search, fires = found[f"5.6 a neuron {layer} {USED}"], found[f"5.6 fires {layer}"]
        needed = found[f"5.6 needed {layer} mean"]
        by_layer.append(
            f"{layer}: looks like a {TARGET}, {told(search)}; fires for {TARGET}s, {told(fires)}; is needed for them, "
            f"{says[needed.verdict]} (costs {in_words(needed.measured.mean)} of accuracy)"
        )
    logit = found[f"5.4 unlike {backwards.GATED}"]
    turn = next(control.estimate.mean for control in logit.others if control.name == LIKEST_TURN)
    unlike = {"holds": "does not look", "does not hold": "looks", "undecided": "may or may not look"}[logit.verdict]
    return (
        f"Is there a neuron that looks for a {TARGET}? The best of each layer, by what it uses of the pixels. "
        f"{'. '.join(by_layer)}. The logit of {TARGET} pushed back through active neurons {unlike} like a {TARGET} "
        f"({in_words(logit.measured.mean)} beside {in_words(logit.control.mean)}; {LIKEST_TURN}: {in_words(turn)})."
    )
