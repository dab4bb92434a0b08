"""Which neurons see the stroke that makes a 1 a 7, and is it their number or their identity that counts?

The write-up drew strokes into images of 1s and 7s, knocked out the neurons whose mean activation differs between the
two, and stopped at the question whether accuracy fell because of how many neurons were removed, or because of which.
"""

from jaxinterp.studies.needs import Needs
from jaxinterp.studies.one_vs_seven import analogues, carriers, coalitions, differences, edits, knockouts, noise, rows
from jaxinterp.studies.one_vs_seven.common import NAME, ONE, PLAIN, SEVEN, SMALL, STROKES
from jaxinterp.studies.study import Study

_TOPICS = (edits, rows, noise, differences, knockouts, coalitions, carriers, analogues)

STUDY = Study(
    name=NAME,
    question="Which neurons see the stroke that makes a 1 a 7, and is it their number or their identity that counts?",
    source="notebook notes, “MNIST 1 vs 7”",
    recipes={NAME: 8, PLAIN: 8, SMALL: 32, STROKES: 32},
    measurements=tuple(measurement for topic in _TOPICS for measurement in topic.MEASUREMENTS),
    claims=(
        *(topic.claims for topic in _TOPICS[:-1]),
        knockouts.claims_of_others,
        differences.claims_of_others,
        analogues.claims,
    ),
    answer=knockouts.answer,
    highlights=(
        "1.9 zero, random",
        "1.9 zero, matched",
        "1.8 0.3 on 7s",
        "1.7 hidden1",
        "1.5 row 13",
        "1.10 hidden1 patched",
    ),
    least_seeds=2,  # it compares pairs
    # Its strokes are drawn into rows 0 to 14 and columns 0 to 17, and the second layer is what the outputs read.
    needs=Needs(layers=2, exact=True, outputs=SEVEN + 1, classes=(ONE, SEVEN), square=True, least_side=18),
    check=carriers.check,
    total=53,
)
