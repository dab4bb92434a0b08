"""What is known of networks that may look for a 4? The record of study `looking-for-four`, and how it is judged."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxinterp import stats
from jaxinterp.stats import Estimate
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.claims import Claim, Finding, Rule, judged

STUDY = "looking-for-four"
TARGET = 4
TRAINED, UNTRAINED = CONDITIONS = ("trained", "untrained")
MEAN, DIFFERENCE = KINDS = ("mean", "difference")  # templates: of a class, and that less the mean of all other images
AS_IT_IS = "as it is"
TURNS = (AS_IT_IS, "mirrored", "upside down", "half turn", "transposed", "quarter left", "quarter right", "crossed")
TURNED = "the same digit turned and mirrored"
LIKEST_TURN = "the turn of it that is likest"  # of seven, where TURNED is their mean
CHOSEN = "chosen on one half of the test images, scored on the other"

ALIKE = 0.5  # half of what the control leaves open, so that more is shared than missed
MOST = 0.5  # more of it than not

Values = Float[np.ndarray, "..."]


class LookingForFour(NamedTuple):
    """Everything by seed; networks that diverged are NaN.

    `views` of what a neuron looks at are over the pixels that are lit often enough to count. Fields of one network, its
    `example_seed`, lead with no seeds. Templates are of training images, and what is picked by responses to images is
    picked on one half of the test images and measured on the other.
    """

    classes: tuple[str, ...]
    layers: tuple[str, ...]
    conditions: tuple[str, ...]
    views: tuple[str, ...]
    kinds: tuple[str, ...]
    turns: tuple[str, ...]
    diverged: Bool[np.ndarray, " seeds"]
    example_seed: Int[np.ndarray, ""]
    widths: Int[np.ndarray, " layers"]
    templates: Float[np.ndarray, "kinds classes pixels"]
    # 5.1: validation and test accuracy at the kept epoch, NaN where a rung was not trained or has fewer networks
    rungs: tuple[str, ...]
    rung_networks: Int[np.ndarray, " rungs"]
    rung_accuracy: Float[np.ndarray, "rungs networks splits"]
    rung_epoch: Float[np.ndarray, "rungs networks"]
    curves: Float[np.ndarray, "rungs splits epochs quantiles"]  # accuracy of the networks still trained
    # 5.2: statistics of the maps of a layer's neurons, of the first two views, over lit pixels
    statistics: tuple[str, ...]
    focus_mean: Float[np.ndarray, "seeds conditions looks layers statistics"]
    focus_best: Float[np.ndarray, "seeds conditions looks layers statistics"]  # of the neuron of least participation
    focus_quantiles: Float[np.ndarray, "seeds conditions looks layers levels"]  # of participation over neurons
    focused: Float[np.ndarray, "shown pixels"]  # weights of the first layer's most focused neurons
    focused_unit: Int[np.ndarray, " shown"]
    focused_pixels: Float[np.ndarray, " shown"]
    focused_foci: Float[np.ndarray, " shown"]
    # 5.3: over lit pixels, means over a layer's neurons; other: with other neurons' final maps or beginnings
    snapshots: tuple[str, ...]
    settled: Float[np.ndarray, "seeds snapshots layers"]
    settled_other: Float[np.ndarray, "seeds snapshots layers"]
    moved: Float[np.ndarray, "seeds snapshots layers"]
    kept_on: Float[np.ndarray, "seeds layers"]
    kept_on_other: Float[np.ndarray, "seeds layers"]
    growth_unit: Int[np.ndarray, " grown"]
    growth: Float[np.ndarray, "grown snapshots pixels"]
    # 5.4: maps of the logits; correlation of a class's map with its own template, and with those of others
    methods: tuple[str, ...]
    look: Float[np.ndarray, "seeds conditions methods kinds turns classes"]
    look_other: Float[np.ndarray, "seeds conditions methods kinds classes templates_of"]
    logit_map: Float[np.ndarray, "methods classes pixels"]  # mean over networks
    favourites: Float[
        np.ndarray, "seeds sizes"
    ]  # share of the target's evidence that its neurons of highest weight carry
    carriers: Float[np.ndarray, "seeds sizes"]  # those that carry most
    attributions: tuple[str, ...]
    orders: tuple[str, ...]
    deletion: Float[np.ndarray, "seeds orders steps"]  # the target's logit as the ink of its images is blanked
    # 5.5: a real image's activations of the last hidden layer beside each class's average
    trace: Float[np.ndarray, "seeds conditions classes averages"]
    trace_nearest: Float[np.ndarray, "seeds conditions"]  # share of the target's images nearest its own average
    path: Float[np.ndarray, "seeds conditions classes averages"]  # overlap of the neurons that add most to the target
    traced_image: Float[np.ndarray, " pixels"]
    traced_map: Float[np.ndarray, "attributions pixels"]
    traced_activation: Float[np.ndarray, " neurons"]
    traced_average: Float[np.ndarray, "classes neurons"]
    traced_contribution: Float[np.ndarray, " neurons"]
    # 5.6: the neuron of a layer that looks most like a template, and the one that tells a class best from the rest
    best_match: Float[np.ndarray, "seeds conditions layers views kinds turns classes"]
    match_share: Float[np.ndarray, "seeds conditions layers views bins"]  # of neurons by correlation with the target
    match_auc: Float[np.ndarray, "seeds conditions layers"]
    teller_auc: Float[np.ndarray, "seeds conditions layers"]
    teller_match: Float[np.ndarray, "seeds conditions layers views turns classes"]
    teller_other: Float[np.ndarray, "seeds conditions layers views classes"]  # mean over all neurons of the layer
    ablations: tuple[str, ...]
    match_loss: Float[np.ndarray, "seeds ablations layers"]  # of the target's accuracy without the best match
    random_loss: Float[np.ndarray, "seeds ablations layers"]
    worst_loss: Float[np.ndarray, "seeds ablations layers"]
    baseline: Float[np.ndarray, " seeds"]
    card_unit: Int[np.ndarray, "layers classes"]
    card_map: Float[np.ndarray, "layers classes views pixels"]
    card_match: Float[np.ndarray, "layers classes views"]
    card_images: Float[np.ndarray, "layers classes exemplars pixels"]
    card_profile: Float[np.ndarray, "layers classes answers"]


def estimate(values: Values) -> Estimate:
    """Over seeds."""
    return stats.over_seeds_estimate(values)


def claim(name: str, text: str, score: str, *, low: float = -np.inf, high: float = np.inf, published="—") -> Claim:
    """A row of the study."""
    return Claim(STUDY, name, text, published, Rule(score, low, high))


def calibrated(claim: Claim, values: Values, controls: dict[str, Values], others=(), note="") -> Finding:
    """A finding whose score is 0 at the hardest of the controls and 1 at the most there can be, cut at ±1.

    The hardest is the highest, but the lowest where the claim's bar is from above.
    """
    means = {name: estimate(control).mean for name, control in controls.items()}
    known = {name: value for name, value in means.items() if np.isfinite(value)} or means
    chosen = (min if math.isinf(claim.rule.low) else max)(known, key=known.__getitem__)
    score = np.clip(stats.calibrated(values, controls[chosen]), -1, 1)
    rest = {name: control for name, control in controls.items() if name != chosen}
    return judged(claim, values, controls[chosen], chosen, score, others=rest | dict(others), note=note)


def calibrated_score(controls: str) -> str:
    """The score of `calibrated` in words."""
    return f"the measured figure on a scale where 0 is {controls} and 1 the most there can be; at most ±1"


def turned_mean(values: Values, axis: int) -> Values:
    """Mean over all turns of a template but the one as it is."""
    return mean(np.delete(values, TURNS.index(AS_IT_IS), axis=axis), axis)


def likest_turn(values: Values, axis: int) -> Values:
    """The highest of all turns of a template but the one as it is."""
    return np.max(np.delete(values, TURNS.index(AS_IT_IS), axis=axis), axis=axis)
