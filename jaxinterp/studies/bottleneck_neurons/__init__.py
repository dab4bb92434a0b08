"""Do single neurons hold single digits? Ablation, scaling and selectivity of every neuron of the last hidden layer.

The write-up found "bottleneck neurons" in one network: zero-ablation takes a digit to about 0 %, and scaling raises it.
They were picked out of all neurons × digits. Here each digit's most damaging neuron is chosen in every network on one
half of the test images and scored on the other, under ablations that stay closer to the data too, and compared with the
most damaging of as many random directions of the layer, chosen in the same way.
"""

from collections.abc import Mapping

from jaxinterp.studies.bottleneck_neurons import (
    activity,
    arms,
    channels,
    class_accuracy,
    clusters,
    coalitions,
    damage,
    drift,
    factors,
    filters,
    maximisers,
    neurons,
    pictures,
    pruning,
    rankings,
    saliency,
    scaling,
    selectivity,
    superposition,
)
from jaxinterp.studies.judge import Finding
from jaxinterp.studies.needs import Needs
from jaxinterp.studies.study import Study
from jaxinterp.text import format_percent

_WORDS = {"holds": "yes", "does not hold": "no", "undecided": "undecided"}
_TOPICS = (
    *(activity, drift, class_accuracy, rankings, selectivity, damage, scaling, clusters, pictures, saliency),
    *(filters, channels, factors, pruning, superposition, coalitions),
)


def answer(findings: Mapping[str, Finding]) -> str:
    """Whether most digits are lost without one neuron, beyond those lost without a direction, by each kind of ablation.

    The shares are those beyond random directions, which the verdicts are about.
    """
    by_kind = []
    for kind in damage.JUDGED:
        finding = findings[f"4.6 most digits {kind}"]
        share = format_percent(finding.score.mean)
        by_kind.append(f"{_WORDS[finding.verdict]} under {kind}-ablation ({share})")
    return (
        f"Most digits fall below {format_percent(damage.GONE)} without their most damaging neuron, beyond random "
        f"directions: {', '.join(by_kind)}."
    )


STUDY = Study(
    name=neurons.NAME,
    question="Do single neurons hold single digits?",
    source="interpreting_mnist, a public write-up",
    recipes={neurons.NAME: 32},
    # The same training, kept after every epoch; CNNs; its arms; and smaller networks. Claims about what was not trained
    # are left out.
    optional={
        **{drift.EVERY: 32, neurons.CNN: 32, neurons.WIDE: 8},
        **{arm: 32 for arm in arms.ARMS if arm != neurons.NAME},
        superposition.SIX: 32,
    },
    measurements=tuple(measurement for topic in (*_TOPICS, maximisers) for measurement in topic.MEASUREMENTS),
    claims=tuple(topic.claims for topic in _TOPICS),
    answer=answer,
    highlights=(
        "4.6 most digits zero",
        "4.6 most digits mean",
        "4.6 dose monotonic",
        "4.6 selectivity zero",
        "4.5 selective",
        "4.8 probes",
    ),
    needs=Needs(outputs=2),
)
