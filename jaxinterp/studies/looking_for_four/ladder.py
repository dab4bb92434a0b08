"""What did each rung of the write-up's ladder gain? Row 5.1: sizes, L1, dropout, batch norm, each against the last.

Validation images choose the epoch whose weights are kept, so the accuracy on them is too high. Gains are judged
by test images; the published accuracy is one on validation images, and is compared with ours on those.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies import curves
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above, between
from jaxinterp.studies.looking_for_four.maps import NAME
from jaxinterp.studies.scores import Difference, Given
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Results
from jaxinterp.text import format_number

RUNGS = (
    f"{NAME}-zero-one",
    f"{NAME}-zero-one-l1",
    f"{NAME}-25-15",
    f"{NAME}-128-64",
    f"{NAME}-128-64-l1",
    f"{NAME}-128-64-dropout",
    f"{NAME}-128-64-l1-dropout",
    NAME,
)
# What each rung changes; the first ones of either task have nothing to be compared with.
BEFORE = {
    RUNGS[1]: (RUNGS[0], "L1"),
    RUNGS[3]: (RUNGS[2], "more units, with ReLU in place of sigmoid,"),
    RUNGS[4]: (RUNGS[3], "L1"),
    RUNGS[5]: (RUNGS[3], "dropout"),
    RUNGS[6]: (RUNGS[4], "dropout on top of L1"),
    RUNGS[7]: (RUNGS[5], "batch norm, with training until it gains no more,"),
}
PUBLISHED_ACCURACY = 0.9826
CLOSE = 0.005  # half a point: what one network of ours may differ from another by is about that


class LearningCurves(NamedTuple):
    """Validation accuracy after each epoch; NaN where a network was no longer trained, or diverged."""

    validation: Float[np.ndarray, "recipes seeds epochs"]


def learning_curves(inputs: Mapping[str, Inputs]) -> LearningCurves:
    """Learning curves of every rung that was trained."""
    return LearningCurves(curves.accuracy(inputs, "validation"))


MEASUREMENTS = (EnsembleMeasurement("curves", learning_curves, lambda inputs: {"recipes": tuple(inputs)}, RUNGS),)


def short(rung: str) -> str:
    """A rung's name within the study."""
    return "the last rung" if rung == NAME else rung.removeprefix(f"{NAME}-")


def claims(results: Results) -> list[Claim]:
    """Row 5.1, rung by rung, and the last one against the published accuracy."""
    networks = results[NETWORKS]
    trained = set(networks.recipes.to_numpy())
    validation, test = (networks.accuracy.sel(splits=split) for split in ("validation", "test"))
    epochs = networks.epoch.where(networks.diverged == 0).mean("seeds")
    gains = [
        Claim(
            row="5.1",
            name=short(rung),
            text=f"{short(rung)}: {change} raises the accuracy on test images",
            measured=test.sel(recipes=rung),
            controls={short(before): test.sel(recipes=before)},
            score=Difference(),
            rule=above(0.0),
            bounds=SHARE,
            quantity="test accuracy",
            shown={
                "validation accuracy": validation.sel(recipes=rung),
                "validation accuracy before": validation.sel(recipes=before),
            },
            note=f"Kept weights: of epoch {format_number(float(epochs.sel(recipes=rung)), 1)} on average, before of "
            f"{format_number(float(epochs.sel(recipes=before)), 1)}. Seed i is paired with seed i.",
            recipes=(rung, before),
        )
        for rung, (before, change) in BEFORE.items()
        if {rung, before} <= trained
    ]
    last, last_test = (accuracy.sel(recipes=NAME) for accuracy in (validation, test))
    published = Claim(
        row="5.1",
        name="published",
        text="The last rung is within half a point of the published validation accuracy",
        measured=last,
        controls={"test accuracy": last_test},
        score=Given(last - PUBLISHED_ACCURACY, SIGNED),
        rule=between(-CLOSE, CLOSE),
        bounds=SHARE,
        quantity="validation accuracy less the published one",
        published=f"{PUBLISHED_ACCURACY:.4f}"[1:],
        shown={"validation less test": last - last_test},
        note="Training was stopped by the validation images; the test images were kept apart.",
    )
    return [*gains, published]
