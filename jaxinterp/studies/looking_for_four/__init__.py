"""Is there a neuron that looks for a 4? Focus, growth, maps and templates of every neuron, over a ladder of networks.

The write-up looked at one network's weights by eye: its most focused neurons, weights over training, the output weights
of 4 multiplied back to the pixels, and the neuron that tells 4s apart best, which looked like a 4. Here these are
measured in many networks and compared with controls: untrained networks, and rotated or mirrored digits.
"""

from collections.abc import Mapping

from jaxinterp.studies.judge import Finding
from jaxinterp.studies.looking_for_four import ablations, focus, growth, ladder, logits, matches, tracing
from jaxinterp.studies.looking_for_four.maps import FOUR, NAME, TARGET, USED
from jaxinterp.studies.needs import Needs
from jaxinterp.studies.study import Study

TOPICS = (ladder, focus, growth, logits, tracing, matches, ablations)


def answer(findings: Mapping[str, Finding]) -> str:
    """In how many layers the neuron most like the target is what it looks like, and whether the logit's map is."""
    searched = [finding for finding in findings.values() if finding.name.startswith("a neuron") and USED in finding.id]
    layers = [finding.name.split()[-2] for finding in searched]

    def holds(name: str) -> int:
        return sum(findings[f"5.6 {name.format(layer)}"].verdict == "holds" for layer in layers)

    unlike = findings[f"5.4 unlike {logits.GATED}"].verdict
    resembles = {"holds": "does not resemble", "does not hold": "resembles", "undecided": "possibly resembles"}[unlike]
    return (
        f"The neuron most like a {FOUR} resembles one in {holds('a neuron {} ' + USED)} of {len(layers)} layers, fires "
        f"for {FOUR}s in {holds('fires {}')}, is needed in {holds('needed {} mean')}; the logit's map {resembles} one."
    )


STUDY = Study(
    name=NAME,
    question="Is there a neuron that looks for a 4?",
    source="a blog post with networks in Keras",
    recipes={NAME: 32},
    # The rungs before the last; claims about them are left out where they were not trained.
    optional={rung: 32 for rung in ladder.RUNGS if rung != NAME},
    measurements=tuple(measurement for topic in TOPICS for measurement in topic.MEASUREMENTS),
    claims=tuple(topic.claims for topic in TOPICS),
    answer=answer,
    highlights=(
        f"5.6 a neuron hidden1 {USED}",
        "5.6 fires hidden1",
        "5.6 needed hidden1 mean",
        f"5.6 differentiated hidden0 {USED}",
        f"5.4 unlike {logits.GATED}",
        "5.1 published",
    ),
    needs=Needs(outputs=TARGET + 1, classes=(TARGET,), square=True),
    total=55,
)
