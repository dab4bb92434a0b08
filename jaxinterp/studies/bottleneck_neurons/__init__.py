"""Do single neurons hold single digits, or only several together? Ablation, scaling and selectivity of every neuron.

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

_TOPICS = (
    *(activity, drift, class_accuracy, rankings, selectivity, damage, scaling, clusters, pictures, saliency),
    *(filters, channels, factors, pruning, superposition, coalitions),
)


def answer(findings: Mapping[str, Finding]) -> str:
    """What all coalitions of neurons say of a digit; before they are measured, what single ablations say."""
    return coalitions.answer(findings) if coalitions.judged(findings) else damage.answer(findings)


STUDY = Study(
    name=neurons.NAME,
    question="Do single neurons hold single digits, or only several together?",
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
        "4.6 one enough mean",
        "4.6 fewer mean",
        "4.6 dose monotonic",
        "4.5 selective",
    ),
    needs=Needs(outputs=2),
    total=107,
)
