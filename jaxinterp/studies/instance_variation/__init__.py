"""Do two trainings find the same features? Similarity of activations, of the pixels that units use, and of strokes.

The write-up compared two trained networks: their activations in order and sorted, and, by eye, what their units look
at; and it asked what parts of digits do. Here every number is over pairs of many networks, or over all of them, and is
compared with untrained networks and with what chance gives.
"""

from collections.abc import Mapping

from jaxinterp.studies.instance_variation import attention, locality, similarity, strokes
from jaxinterp.studies.instance_variation.ensembles import L1, NAME, ONE_DIGIT, PERMUTED
from jaxinterp.studies.judge import Finding
from jaxinterp.studies.needs import Needs
from jaxinterp.studies.study import Study


def answer(findings: Mapping[str, Finding]) -> str:
    """In how many hidden layers two trainings are the same, by each way of comparing."""

    def tally(start: str, end: str = "") -> tuple[int, int]:
        judged = [finding for name, finding in findings.items() if name.startswith(start) and name.endswith(end)]
        return sum(finding.verdict == "holds" for finding in judged), len(judged)

    (alike, layers), (ordered, tests) = tally("CKA"), tally("3.2")
    return (
        f"Beyond the class, two trainings share features (CKA) in {alike} of {layers} hidden layers, matched units in "
        f"{tally('matched')[0]}, those units' pixels in {tally('3.5 hidden', 'used')[0]}; sorted similarity passes "
        f"{ordered} of {tests} tests."
    )


STUDY = Study(
    name=NAME,
    question="Do two trainings find the same features?",
    source="thesis notebook; author, title and year are not stated",
    recipes={NAME: 32},
    optional={PERMUTED: 8, L1: 8, ONE_DIGIT: 8},
    measurements=(
        *similarity.MEASUREMENTS,
        *locality.MEASUREMENTS,
        *attention.MEASUREMENTS,
        *strokes.MEASUREMENTS,
    ),
    claims=(
        similarity.claims,
        locality.scatter_claims,
        attention.claims,
        locality.cluster_claims,
        strokes.claims,
    ),
    answer=answer,
    needs=Needs(outputs=2, square=True),
    highlights=(
        "3.2 hidden0 cosine",
        "CKA hidden0",
        "matched hidden0",
        "3.5 hidden0 used",
        "3.6 cluster hidden0 used",
        "3.8 hidden0 drawn strokes",
    ),
    total=54,
)
