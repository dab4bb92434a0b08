"""What do normalised inputs, LayerNorm and dropout do, alone and together? Row 4.9: effects in a factorial design.

Every arm is compared with the arms that differ in one factor, seed by seed: at the end of training, where arms that
train faster have fitted the training images better, and at equal training loss.
"""

from collections.abc import Mapping, Sequence

import xarray as xr

from jaxinterp.analysis import factorial
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import arms
from jaxinterp.studies.bottleneck_neurons.arms import (
    ALL,
    ARMS,
    DROPOUT,
    END,
    EQUAL,
    FACTORS,
    KINDS,
    TRAINING,
    WHEN,
    WORDS,
    common_loss,
    complete,
    design,
    effects_on,
    epochs_needed,
    quantity,
)
from jaxinterp.studies.bottleneck_neurons.damage import GONE
from jaxinterp.studies.bottleneck_neurons.neurons import CHOSEN, NAME
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.judge import Claim, above, below, between
from jaxinterp.studies.scores import Difference, Ratio
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent, mean

MEASUREMENTS = arms.MEASUREMENTS


def interactions(of: str = "") -> list[tuple[str, ...]]:
    """Combinations of factors; those with one of them, if it is given."""
    return [own for own in factorial.effects_of(FACTORS) if len(own) > 1 and (not of or of in own)]


def words(factors: Sequence[str]) -> str:
    """Factors for a reader."""
    return " × ".join(WORDS[factor] for factor in factors)


def claims(results: Results) -> list[Claim]:
    """Row 4.9; nothing unless all arms were trained."""
    if not complete(results):
        return []
    accuracy = {when: effects_on(results, "accuracy", when) for when in WHEN}
    return [
        _epochs(results),
        *(_accuracy(results, factor, when, accuracy[when]) for when in WHEN for factor in FACTORS),
        *(_overfitting(results, when) for when in WHEN),
        *(_fewer_lost(results, when) for when in WHEN),
        _stable(results),
        _dampened(results),
    ]


def _with_and_without(values: xr.DataArray, factor: str) -> tuple[xr.DataArray, xr.DataArray]:
    others = [name for name in FACTORS if name != factor]
    averaged = design(values).mean(others, skipna=False)
    return averaged.isel({factor: 1}, drop=True), averaged.isel({factor: 0}, drop=True)


def _claim(name: str, when: str, **fields) -> Claim:
    short = name if when == END else f"{name}, equal loss"
    return Claim(row="4.9", name=short, recipes=tuple(ARMS), **fields)


def _of_factor(name: str, when: str, values: xr.DataArray, factor: str, **fields) -> Claim:
    """A claim about the arms that have a factor, compared with those that lack it."""
    having, lacking = _with_and_without(values, factor)
    controls = {"the arms without it": lacking}
    return _claim(name, when, measured=having, controls=controls, score=Difference(), bounds=SHARE, **fields)


def _effects(results: Results, name: str, when: str, suffix: str = "") -> dict[str, xr.DataArray]:
    """All effects and interactions on a quantity."""
    return {f"effect of {words(own)}{suffix}": found for own, found in effects_on(results, name, when).items()}


def _loss_note(results: Results, when: str) -> str:
    return (
        "" if when == END else f"Training loss {mean(common_loss(results))}, the lowest that all arms of a seed reach."
    )


def _epochs(results: Results) -> Claim:
    found = epochs_needed(results)
    others = {name: found.sel(recipes=name) for name in ARMS if name not in (NAME, f"{NAME}-normalized")}
    return _claim(
        "epochs",
        END,
        text="With normalised inputs, a quarter to half of the epochs are enough for the baseline's accuracy: epochs "
        "until the test accuracy of the same seed's baseline at its end is reached",
        published="5 of 20",
        measured=found.sel(recipes=f"{NAME}-normalized"),
        controls={"the baseline itself": found.sel(recipes=NAME)},
        score=Ratio(),
        rule=between(0.25, 0.5),
        quantity="number of epochs",
        shown={name.removeprefix(f"{NAME}-"): values for name, values in others.items()},
        note="Accuracy goes up and down, so the baseline itself reaches its last one earlier. An arm that never does "
        "counts with all epochs.",
    )


def _accuracy(results: Results, factor: str, when: str, found: Mapping[tuple[str, ...], xr.DataArray]) -> Claim:
    """found: all effects on the accuracy."""
    return _of_factor(
        f"better {factor}",
        when,
        quantity(results, "accuracy", when),
        factor,
        text=f"{WORDS[factor]} makes networks better, {when}: test accuracy, mean over the arms with and without the "
        "other two",
        published="“better”",
        rule=above(0.0),
        quantity="test accuracy",
        shown={f"interaction {words(own)}": found[own] for own in interactions(factor)},
        note=_loss_note(results, when),
    )


def _overfitting(results: Results, when: str) -> Claim:
    values = quantity(results, "gap", when)
    return _claim(
        "overfitting",
        when,
        text=f"Normalised inputs, LayerNorm and dropout reduce overfitting, {when}: accuracy on training images less "
        "that on test images",
        published="“reduced overfitting”",
        measured=values.sel(recipes=ALL),
        controls={"the baseline": values.sel(recipes=NAME)},
        score=Difference(),
        rule=below(0.0),
        bounds=SIGNED,
        quantity="accuracy on training images less that on test images",
        shown=_effects(results, "gap", when),
        note=f"All without dropout; at most {TRAINING} training images. {_loss_note(results, when)}",
    )


def _fewer_lost(results: Results, when: str) -> Claim:
    by_kind = [_effects(results, f"lost, {kind}", when, f", {kind}-ablation") for kind in KINDS]
    return _of_factor(
        "bottlenecks dropout",
        when,
        quantity(results, "lost, zero", when),
        DROPOUT,
        text=f"Dropout makes digits depend less on single neurons, {when}: share of digits that fall below "
        f"{format_percent(GONE)} without their most damaging neuron, zero-ablation",
        rule=below(0.0),
        quantity=f"share of digits that fall below {format_percent(GONE)}",
        shown={name: values for effects in by_kind for name, values in effects.items()},
        note=f"Neurons {CHOSEN}. {_loss_note(results, when)}",
    )


def _dampened(results: Results) -> Claim:
    return _of_factor(
        "selectivity dropout",
        END,
        quantity(results, "selectivity", END),
        DROPOUT,
        text="Dropout dampens selectivity: AUC of a digit's most selective neuron",
        rule=below(0.0),
        quantity="AUC, mean over digits",
        shown={EQUAL: effects_on(results, "selectivity", EQUAL)[(DROPOUT,)], **_effects(results, "selectivity", END)},
        note=f"{CHOSEN.capitalize()}.",
    )


def _stable(results: Results) -> Claim:
    found = results["arm-stability"].matched
    trained, untrained = (found.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    return _claim(
        "stable",
        END,
        text="Normalised inputs, LayerNorm and dropout make neurons more stable: correlation of matched units of two "
        "trainings",
        published="“more stable neuron behaviour”",
        measured=trained.sel(recipes=ALL),
        controls={"the baseline": trained.sel(recipes=NAME)},
        score=Difference(),
        rule=above(0.0),
        bounds=SIGNED,
        quantity="the mean correlation of matched units",
        shown={
            **{name.removeprefix(f"{NAME}-"): trained.sel(recipes=name) for name in ARMS if name not in (ALL, NAME)},
            f"all three, {UNTRAINED}": untrained.sel(recipes=ALL),
            f"the baseline, {UNTRAINED}": untrained.sel(recipes=NAME),
        },
        note="Matched one to one on a random half of the images, scored on the other half.",
    )
