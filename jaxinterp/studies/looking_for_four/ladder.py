"""What did each rung of the write-up's ladder gain? Row 5.1: sizes, L1, dropout, batch norm, each against the last."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxinterp import stats
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.looking_for_four.record import STUDY, LookingForFour, claim
from jaxinterp.studies.subjects import Subject
from jaxinterp.train import SPLITS, kept_accuracy

RUNGS = (
    f"{STUDY}-zero-one",
    f"{STUDY}-zero-one-l1",
    f"{STUDY}-25-15",
    f"{STUDY}-128-64",
    f"{STUDY}-128-64-l1",
    f"{STUDY}-128-64-dropout",
    f"{STUDY}-128-64-l1-dropout",
    STUDY,
)
# What each rung changes; the first ones of either task have nothing to be compared with.
BEFORE = {
    RUNGS[1]: (RUNGS[0], "L1"),
    RUNGS[3]: (RUNGS[2], "more units"),
    RUNGS[4]: (RUNGS[3], "L1"),
    RUNGS[5]: (RUNGS[3], "dropout"),
    RUNGS[6]: (RUNGS[4], "dropout beside L1"),
    RUNGS[7]: (RUNGS[5], "batch norm, and training until it gains no more,"),
}
QUANTILES = (0.05, 0.5, 0.95)
PUBLISHED_ACCURACY = 0.9826
CLOSE = 0.005  # half a point: what one network of ours may differ from another by is about that

VALIDATION, TEST = SPLITS.index("validation"), SPLITS.index("test")


def measure(subjects: Mapping[str, Subject]) -> dict[str, Any]:
    """The record's fields of row 5.1; NaN for a rung that was not trained."""
    there = {name: subjects[name].run.history for name in RUNGS if name in subjects}
    networks = max(history.loss.shape[0] for history in there.values())
    epochs = max(history.loss.shape[1] for history in there.values())
    accuracy = np.full((len(RUNGS), networks, len(SPLITS)), np.nan)
    kept_epoch = np.full((len(RUNGS), networks), np.nan)
    curves = np.full((len(RUNGS), len(SPLITS), epochs, len(QUANTILES)), np.nan)
    for place, name in enumerate(RUNGS):
        if name not in there:
            continue
        history, diverged = there[name], subjects[name].diverged
        accuracy[place, : len(diverged)] = kept_accuracy(history)
        kept_epoch[place, : len(diverged)] = np.where(diverged, np.nan, history.best)
        values = np.asarray(history.accuracy, np.float64)[~diverged]
        for epoch in range(values.shape[1]):
            known = values[np.isfinite(values[:, epoch]).all(axis=1), epoch]
            if len(known):
                curves[place, :, epoch] = np.quantile(known, QUANTILES, axis=0).T
    return {
        "rungs": RUNGS,
        "rung_networks": np.array([len(subjects[name].diverged) if name in there else 0 for name in RUNGS]),
        "rung_accuracy": accuracy,
        "rung_epoch": kept_epoch,
        "curves": curves,
    }


def findings(record: LookingForFour) -> list[Finding]:
    """Row 5.1 judged, rung by rung, and the last one beside the published figure."""
    validation, test = record.rung_accuracy[..., VALIDATION], record.rung_accuracy[..., TEST]
    found = []
    for name, (before, change) in BEFORE.items():
        place, earlier = record.rungs.index(name), record.rungs.index(before)
        if not (record.rung_networks[place] and record.rung_networks[earlier]):
            continue
        short = name.removeprefix(f"{STUDY}-") if name != STUDY else "the last rung"
        row = claim(
            f"5.1 {short}",
            f"{short}: {change} raises the validation accuracy",
            "difference of validation accuracies, paired by seed",
            low=0.0,
        )
        others = {"test accuracy": test[place], "test accuracy before": test[earlier]}
        epochs = [f"{np.nanmean(record.rung_epoch[p]):.1f}" if _known(record, p) else "—" for p in (place, earlier)]
        note = f"Kept weights: of epoch {epochs[0]} on average, before of {epochs[1]}. Seed i is paired with seed i."
        control_name = before.removeprefix(f"{STUDY}-")
        own, control = validation[place], validation[earlier]
        found.append(judged(row, own, control, control_name, own - control, others=others, note=note))
    last = record.rungs.index(STUDY)
    row = claim(
        "5.1 published",
        "The last rung is within half a point of the published validation accuracy",
        "validation accuracy less the published",
        low=-CLOSE,
        high=CLOSE,
        published=f"{PUBLISHED_ACCURACY:.4f}"[1:],
    )
    own, kept_apart = validation[last], test[last]
    optimism = stats.paired_estimate(own, kept_apart)
    note = (
        "Training was stopped by the validation images, the test images were kept apart. Validation less test: "
        f"{optimism.mean:.4f}, from {optimism.low:.4f} to {optimism.high:.4f}."
    )
    return [*found, judged(row, own, kept_apart, "test accuracy", own - PUBLISHED_ACCURACY, note=note)]


def _known(record: LookingForFour, place: int) -> bool:
    return bool(np.isfinite(record.rung_epoch[place]).any())
