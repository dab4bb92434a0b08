"""What is known of two trainings of one network? The record of study `instance-variation`, and how it is judged."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxinterp import stats
from jaxinterp.networks import MLP
from jaxinterp.studies import claims
from jaxinterp.studies.claims import Claim, Control, Finding

STUDY = "instance-variation"
PERMUTED, L1, ONE_DIGIT = f"{STUDY}-permuted", f"{STUDY}-l1", f"{STUDY}-one-digit"
EXAMPLES = 1000  # the write-up compares the first 1000 test images
TRAINED, UNTRAINED = "trained", "untrained"

# Half of what the control leaves open: a pair then shares more of it than it misses. Any bar above 0 would pass traces.
ALIKE = 0.5

# Activation functions of which a unit and its mirror image do the same: flip all its weights, and nothing changes.
_ODD = ("tanh", "identity")


class InstanceVariation(NamedTuple):
    """Every figure of the study.

    Networks left out are NaN. Matrices are over pairs of networks; under the conditions that shuffle, entry [i, j]
    compares network i's activations with shuffled ones of network j. `networks` is as long as the largest arm.
    """

    # 3.1–3.3: similarity of activations and answers; `cosine` and `pearson` are means over images, `…_spread` their sd.
    conditions: tuple[str, ...]
    sites: tuple[str, ...]
    orders: tuple[str, ...]
    cosine: Float[np.ndarray, "conditions sites orders seeds seeds"]
    cosine_spread: Float[np.ndarray, "conditions sites orders seeds seeds"]
    pearson: Float[np.ndarray, "conditions sites orders seeds seeds"]
    pearson_spread: Float[np.ndarray, "conditions sites orders seeds seeds"]
    cka: Float[np.ndarray, "conditions sites seeds seeds"]
    matched: Float[np.ndarray, "conditions sites seeds seeds"]  # mean correlation of matched units, on other images
    agreement: Float[np.ndarray, "conditions seeds seeds"]
    chance_agreement: Float[np.ndarray, "seeds seeds"]
    accuracy: Float[np.ndarray, " seeds"]
    left_out: Bool[np.ndarray, " seeds"]

    # 3.4, 3.6: how local are the maps of what units look at? Means over units; NaN where an arm was not trained.
    arms: tuple[str, ...]
    layers: tuple[str, ...]
    views: tuple[str, ...]
    statistics: tuple[str, ...]
    quantiles: Float[np.ndarray, " quantiles"]
    locality: Float[np.ndarray, "arms views layers statistics networks"]
    locality_quantiles: Float[np.ndarray, "arms layers statistics quantiles"]  # of all units, by what is used
    arm_accuracy: Float[np.ndarray, "arms networks"]
    arm_networks: Int[np.ndarray, " arms"]
    arm_diverged: Int[np.ndarray, " arms"]

    # 3.5: correlation over pixels of the maps of paired units, and some of these maps; NaN where there are fewer.
    pairings: tuple[str, ...]
    attention: Float[np.ndarray, "pairings views layers seeds seeds"]
    gallery_seeds: Int[np.ndarray, " shown"]  # −1 where there are fewer
    gallery: Float[np.ndarray, "views layers places shown pixels"]
    gallery_correlation: Float[np.ndarray, "views layers places shown"]  # with the first one's map

    # 3.7: what connected parts of digits do to the logits.
    showings: tuple[str, ...]
    own_logit: Float[np.ndarray, "showings seeds"]  # share of fragments that raise their own digit's logit most
    digit_moves: Float[np.ndarray, "showings digits outputs"]  # against the blank image, means over networks
    links: tuple[str, ...]
    stages: tuple[str, ...]
    linked: Float[np.ndarray, "links stages seeds"]  # correlation over classes of what is done to the logits
    example_images: Float[np.ndarray, "digits pixels"]
    example_parts: Int[np.ndarray, "digits pixels"]
    example_moves: Float[np.ndarray, "digits parts outputs"]

    # 3.8: what strokes light, in every place.
    sources: tuple[str, ...]
    shapes: tuple[str, ...]
    causes: tuple[str, ...]
    encoding: Float[np.ndarray, "sources stages layers causes seeds"]
    pixel_encoding: Float[np.ndarray, "sources causes"]
    strokes: Float[np.ndarray, "sources shapes pixels"]  # each in the middle


def layers_of(model: MLP) -> tuple[str, ...]:
    """The layers whose units are asked about, outputs last."""
    return (*(f"hidden{layer}" for layer in range(len(model.widths))), "logits")


def mirrored(model: MLP) -> bool:
    """Whether a unit and its mirror image count as the same."""
    return model.activation in _ODD


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


def calibrated_score(deciding: str) -> str:
    """The score of `judge` in words."""
    return f"the measured figure on a scale where 0 is {deciding} and 1 is identity"


def left_out(record: InstanceVariation) -> str:
    """How many networks a finding is not about."""
    return claims.left_out(int(record.left_out.sum()), len(record.left_out))
